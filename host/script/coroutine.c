#include "script/sandbox.h"

#include <lualib.h>

/* resume, wrap and close of our own: hooks belong to one coroutine, so the sandbox must know which one runs, and a kill
 * must not end at the coroutine that it hit. Nesting is bounded: closing coroutines inside one another would use up the
 * C stack (Lua 5.4.4). */

enum { NESTED_MAX = 16 };

static lua_State *check_coroutine(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

static void enter(lua_State *L, lua_State *co)
{
    struct sandbox *sb = sandbox_of(L);
    sandbox_poll(L);
    if (sb->coroutines >= NESTED_MAX)
        luaL_error(L, "coroutines nested deeper than %d", NESTED_MAX);
    sb->coroutines++;
    sb->cur = co;
    if (sb->collect || sb->kill != KILL_NONE)
        sandbox_hook(sb);
}

static void leave(lua_State *L)
{
    struct sandbox *sb = sandbox_of(L);
    sb->coroutines--;
    sb->cur = L;
    if (sb->collect)
        sandbox_hook(sb);
    sandbox_poll(L);
}

/* Resume `co` with the nargs values on top of L. Results, or one error, on top of L; their number, or -1 for an error.
 */
static int resume(lua_State *L, lua_State *co, int nargs)
{
    if (!lua_checkstack(co, nargs)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    enter(L, co);
    lua_xmove(L, co, nargs);
    int results = 0;
    int status = lua_resume(co, L, nargs, &results);
    leave(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, results);
    return results;
}

/* coroutine.resume(co, …) → true, results … | false, error [-n, +m, v] */
static int co_resume(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    int n = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, n >= 0);
    lua_insert(L, n >= 0 ? -(n + 1) : -2);
    return n >= 0 ? n + 1 : 2;
}

/* Run the pending `__close` of a coroutine that ended in an error or is given up. LUA_OK or the status; then the error
 * is on top of co. */
static int reset(lua_State *L, lua_State *co)
{
    enter(L, co);
    int status = lua_resetthread(co);
    leave(L);
    return status;
}

/* What coroutine.wrap returns; upvalue 1 is the coroutine. [-n, +m, v] */
static int wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = resume(L, co, lua_gettop(L));
    if (n >= 0)
        return n;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        reset(L, co);
        lua_xmove(co, L, 1); /* the error, or the one its __close raised */
    }
    return lua_error(L);
}

/* coroutine.create(f) [-1, +1, v] */
static int co_create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

/* coroutine.wrap(f) [-1, +1, v] */
static int co_wrap(lua_State *L)
{
    co_create(L);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

/* coroutine.close(co) → true | false, error [-1, +1|2, v] */
static int co_close(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    lua_Debug ar;
    bool dead = lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar) == 0;
    if (co == L || !(dead || lua_status(co) != LUA_OK))
        return luaL_error(L, "cannot close a running coroutine");
    if (reset(L, co) == LUA_OK) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushboolean(L, false);
    lua_xmove(co, L, 1);
    return 2;
}

void sandbox_open_coroutine(lua_State *L)
{
    static const luaL_Reg own[] = {
        {"create", co_create}, {"resume", co_resume}, {"wrap", co_wrap}, {"close", co_close}, {NULL, NULL},
    };
    lua_getglobal(L, LUA_COLIBNAME);
    luaL_setfuncs(L, own, 0);
    lua_pop(L, 1);
}
