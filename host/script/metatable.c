#include "script/sandbox.h"

#include <string.h>

/* setmetatable, getmetatable and rawset, so that no table's metatable ever has `__gc`, `__mode` or `__concat`. A finalizer
 * runs with hooks off, so nothing could stop it; chains of weak keys make one step of the collector quadratic, and weak
 * tables make an answer depend on when it ran. And Lua 5.4.4 goes on with a pointer into the old stack when a `__concat`
 * has made the stack grow or shrink (luaV_concat in lvm.c; mended in later releases): any script could overwrite memory.
 *
 * The keys are refused when a metatable is set. `__gc` counts at that moment only, but the others are read each time
 * they are needed, so they must not come later either: a table that serves as metatable gets a metatable itself, the guard,
 * whose __newindex looks at new keys. The guard is not seen: it does what the metatable does that the plugin set there
 * (as that was when it was set), and getmetatable tells of that one.
 *
 *   plugin sees   object ──► Class ──► Parent            object ──► Class
 *   there is      object ──► Class ──► guard of Parent   object ──► Class ──► guard of nothing */

static char guard_key; /* in a guard: the metatable that the plugin sees, or false when it sees none */

static const char *const events[] = {
    "__index", "__call",  "__tostring", "__name", "__metatable", "__pairs", "__len",  "__eq",  "__lt",
    "__le",    "__close", "__add",      "__sub",  "__mul",       "__div",   "__mod",  "__pow", "__unm",
    "__idiv",  "__band",  "__bor",      "__bxor", "__shl",       "__shr",   "__bnot",
};

static const char *const refused[] = {"__gc", "__mode", "__concat", NULL};

static bool is_refused(lua_State *L, int key)
{
    const char *name = lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key) : "";
    for (int i = 0; refused[i]; i++)
        if (strcmp(name, refused[i]) == 0)
            return true;
    return false;
}

static int refuse(lua_State *L, const char *name)
{
    return luaL_error(L, "%s is not available here: no metatable has __gc, __mode or __concat", name);
}

/* Does the table serve as a metatable? [-0, +0, -] */
static bool is_guarded(lua_State *L, int table)
{
    if (!lua_getmetatable(L, table))
        return false;
    bool guarded = lua_rawgetp(L, -1, &guard_key) != LUA_TNIL;
    lua_pop(L, 2);
    return guarded;
}

/* The metatable that the plugin has set, or nil. [-0, +1, -] */
static void push_seen(lua_State *L, int value)
{
    if (!lua_getmetatable(L, value)) {
        lua_pushnil(L);
        return;
    }
    switch (lua_rawgetp(L, -1, &guard_key)) {
    case LUA_TNIL:
        lua_pop(L, 1);
        return;
    case LUA_TBOOLEAN:
        lua_pop(L, 1);
        lua_pushnil(L);
        break;
    }
    lua_remove(L, -2);
}

/* __newindex of a guard; upvalue 1: the one that the plugin sees. [-3, +0, e] */
static int guard_newindex(lua_State *L)
{
    if (is_refused(L, 2))
        return refuse(L, lua_tostring(L, 2));
    switch (lua_type(L, lua_upvalueindex(1))) {
    case LUA_TNIL:
        lua_rawset(L, 1);
        return 0;
    case LUA_TFUNCTION:
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, 3, 0);
        return 0;
    default:
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 2);
        lua_settable(L, 2);
        return 0;
    }
}

/* Give the table a guard that does what the metatable on top does (nil: nothing). [-1, +0, m] */
static void set_guard(lua_State *L, int table)
{
    const int seen = lua_gettop(L);
    const bool any = lua_istable(L, seen);
    lua_createtable(L, 0, 3);
    for (size_t i = 0; any && i < sizeof(events) / sizeof(events[0]); i++) {
        lua_pushstring(L, events[i]);
        lua_pushvalue(L, -1);
        lua_rawget(L, seen);
        lua_rawset(L, -3);
    }
    lua_pushliteral(L, "__newindex");
    if (any) {
        lua_pushvalue(L, -1);
        lua_rawget(L, seen);
    } else {
        lua_pushnil(L);
    }
    lua_pushcclosure(L, guard_newindex, 1);
    lua_rawset(L, -3);
    if (any)
        lua_pushvalue(L, seen);
    else
        lua_pushboolean(L, false);
    lua_rawsetp(L, -2, &guard_key);
    lua_setmetatable(L, table);
    lua_settop(L, seen - 1);
}

/* The guard of tables that have no metatable is one for all; upvalue 1 of setmetatable. [-0, +0, -] */
static void guard(lua_State *L, int table)
{
    if (lua_getmetatable(L, table)) {
        set_guard(L, table);
        return;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, table);
}

/* setmetatable(t, mt) [-2, +1, v] */
static int set(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    for (int i = 0; refused[i] && !lua_isnil(L, 2); i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL)
            return refuse(L, refused[i]);
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    if (!lua_isnil(L, 2) && !is_guarded(L, 2))
        guard(L, 2);
    if (is_guarded(L, 1))
        set_guard(L, 1);
    else
        lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

/* getmetatable(v) [-1, +1, -] */
static int get(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable") == LUA_TNIL)
        push_seen(L, 1);
    return 1;
}

/* rawset(t, k, v) [-3, +1, v] */
static int raw_set(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkany(L, 2);
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    if (is_refused(L, 2) && is_guarded(L, 1))
        return refuse(L, lua_tostring(L, 2));
    lua_rawset(L, 1);
    return 1;
}

void sandbox_open_metatables(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_newtable(L);
    lua_pushnil(L);
    set_guard(L, lua_gettop(L) - 1); /* it is the only way to make one: take it from the table that has it */
    lua_getmetatable(L, -1);
    lua_remove(L, -2);
    lua_pushcclosure(L, set, 1);
    lua_setfield(L, -2, "setmetatable");
    lua_pushcfunction(L, get);
    lua_setfield(L, -2, "getmetatable");
    lua_pushcfunction(L, raw_set);
    lua_setfield(L, -2, "rawset");
    lua_pop(L, 1);
}
