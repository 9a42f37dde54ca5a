#include "base/log.h"
#include "script/sandbox.h"

#include <ctype.h>
#include <lualib.h>
#include <string.h>

/* The base functions that could hide a kill, show an address or reach outside, rewritten from the reference manual
 * (§6.1) on the public API. Missing on purpose: dofile, loadfile, warn, collectgarbage but for "count",
 * math.random (a command that runs twice must do the same twice). The table of globals is closed once it is complete: a
 * plugin keeps no state in it, and a misspelt name is an error instead of nil.
 *
 * The others stay as they come: assert, error, ipairs, next, pairs, rawequal, rawget, rawlen, select, tonumber and type
 * do one step each, of a table, or over the bytes of one bounded string. The same holds for math, and for utf8 but for
 * char: codepoint, len and offset read a string once, and codes does one character at a time.
 *
 * No function shows an address. The order in which `next` goes through a table depends on them, though, where its keys
 * are functions, tables or coroutines, and for texts on a seed of the process: what must be the same twice is sorted. */

enum { LOAD_BYTES = 64 * 1024, MODULE_BYTES = 100 };

static char loading; /* stands for a module that is being loaded */

/* After the protected call: true, results … or false, error. [-n, +n+1, v] */
static int finish_pcall(lua_State *L, int status, lua_KContext extra)
{
    sandbox_poll(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pushboolean(L, false);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

/* pcall(f, …) [-n, +m, v] */
static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
    return finish_pcall(L, status, 0);
}

/* The handler of xpcall, which a state that dies does not run: upvalue 1 is the plugin's. [-1, +1, v] */
static int guarded_handler(lua_State *L)
{
    if (sandbox_of(L)->kill != KILL_NONE)
        return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* xpcall(f, handler, …) [-n, +m, v] */
static int base_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int nargs = lua_gettop(L) - 2;
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
    int status = lua_pcallk(L, nargs, LUA_MULTRET, 2, 2, finish_pcall);
    return finish_pcall(L, status, 2);
}

const char *sandbox_tostring(lua_State *L, int index, size_t *len)
{
    index = lua_absindex(L, index);
    if (lua_islightuserdata(L, index) && !lua_touserdata(L, index)) {
        lua_pushliteral(L, "null");
    } else if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
    } else if (lua_type(L, index) <= LUA_TSTRING && lua_type(L, index) != LUA_TLIGHTUSERDATA) {
        luaL_tolstring(L, index, NULL);
    } else {
        int type = luaL_getmetafield(L, index, "__name");
        if (type != LUA_TNIL && type != LUA_TSTRING)
            lua_pop(L, 1);
        if (type != LUA_TSTRING)
            lua_pushstring(L, luaL_typename(L, index)); /* the stock one shows the address */
    }
    return lua_tolstring(L, -1, len);
}

/* tostring(v) [-1, +1, v] */
static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    sandbox_tostring(L, 1, NULL);
    return 1;
}

/* print(…) → log [-n, +0, v] */
static int base_print(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        sandbox_poll(L);
        if (i > 1)
            luaL_addchar(&b, ' ');
        sandbox_tostring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    log_info("plugin", "%s: %s", sandbox_of(L)->options.plugin, lua_tostring(L, -1));
    return 0;
}

/* utf8.char(code, …) → text [-n, +1, e] */
static int utf8_char(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        lua_Unsigned code = (lua_Unsigned)luaL_checkinteger(L, i);
        sandbox_poll(L);
        luaL_argcheck(L, code <= 0x7FFFFFFFu, i, "value out of range");
        lua_pushfstring(L, "%U", (long)code);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    return 1;
}

/* Only texts. [-2, +1, e] */
static int compile_text(lua_State *L)
{
    size_t len;
    const char *text = lua_tolstring(L, 1, &len);
    sandbox_compile(L, (struct slice){text, len}, lua_tostring(L, 2));
    return 1;
}

/* load(text [, name [, mode [, env]]]) → function, or nil and a message. [-n, +1|2, v] */
static int base_load(lua_State *L)
{
    size_t len;
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_tolstring(L, 1, &len);
    luaL_argcheck(L, len <= LOAD_BYTES, 1, "source longer than 64 KiB");
    const char *name = luaL_optstring(L, 2, "load"), *mode = luaL_optstring(L, 3, "t");
    const bool own_env = lua_gettop(L) >= 4;
    lua_settop(L, 4);
    if (!strchr(mode, 't')) {
        lua_pushnil(L);
        lua_pushfstring(L, "attempt to load a text chunk (mode is '%s')", mode);
        return 2;
    }
    lua_pushcfunction(L, compile_text);
    lua_pushvalue(L, 1);
    lua_pushfstring(L, "=%s", *name == '=' || *name == '@' ? name + 1 : name);
    int status = lua_pcall(L, 2, 1, 0);
    sandbox_poll(L);
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (own_env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1))
            lua_pop(L, 1);
    }
    return 1;
}

/* collectgarbage("count") → KiB, fraction [-n, +1, v] */
static int base_collectgarbage(lua_State *L)
{
    if (strcmp(luaL_optstring(L, 1, "collect"), "count") != 0)
        return luaL_error(L, "collectgarbage: only \"count\" is available here");
    lua_pushnumber(L, (lua_Number)sandbox_of(L)->used / 1024);
    return 1;
}

/* -- require -- */

static bool name_is_module(const char *name, size_t len)
{
    bool start = true; /* of a part */
    for (size_t i = 0; i < len; i++) {
        bool dot = name[i] == '.';
        if (dot ? start : !(islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) || name[i] == '_'))
            return false;
        start = dot;
    }
    return len > 0 && len < MODULE_BYTES && !start;
}

/* "fund.gifts" shows as gifts.lua, "muster.money" as muster/money.lua. [-0, +1, m] */
static const char *push_chunk(lua_State *L, const char *name)
{
    if (strncmp(name, "muster.", 7) == 0)
        return lua_pushfstring(L, "=muster/%s.lua", name + 7);
    const char *dot = strchr(name, '.');
    return lua_pushfstring(L, "=%s.lua", dot ? dot + 1 : name);
}

/* Compile and run a module. [-2, +1, v] */
static int load_module(lua_State *L)
{
    struct sandbox *sb = sandbox_of(L);
    const char *name = lua_tostring(L, 1);
    sandbox_compile(L, sb->options.find(sb->options.arg, name), push_chunk(L, name));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* require(name): own modules and muster.…, run once per state. Upvalue 1: what was loaded. [-1, +1, v] */
static int base_require(lua_State *L)
{
    struct sandbox *sb = sandbox_of(L);
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    if (!name_is_module(name, len))
        return luaL_error(L, "require: a module's name is parts of a-z, 0-9 and _ joined by dots");
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        if (lua_touserdata(L, -1) == &loading)
            return luaL_error(L, "require: %s requires itself in a circle", name);
        return 1;
    }
    lua_settop(L, 1);
    int status = LUA_OK;
    if (sb->options.find && sb->options.find(sb->options.arg, name).data) {
        lua_pushvalue(L, 1);
        lua_pushlightuserdata(L, &loading);
        lua_rawset(L, lua_upvalueindex(1));
        lua_pushcfunction(L, load_module);
        lua_pushvalue(L, 1);
        status = lua_pcall(L, 1, 1, 0);
        sandbox_poll(L);
    } else if (!sb->options.push_module || !sb->options.push_module(L, sb->options.arg, name)) {
        return luaL_error(L,
                          "require: no module %s; a plugin has its own (%s.…), the library's (muster.…), and plugins "
                          "that it requires and that have pure commands in C",
                          name, sb->options.plugin);
    }
    if (status == LUA_OK && lua_isnil(L, 2)) {
        lua_pushboolean(L, true);
        lua_replace(L, 2);
    }
    lua_pushvalue(L, 1);
    if (status == LUA_OK)
        lua_pushvalue(L, 2);
    else
        lua_pushnil(L); /* what is wrong is told again the next time */
    lua_rawset(L, lua_upvalueindex(1));
    return status == LUA_OK ? 1 : lua_error(L);
}

/* -- globals -- */

/* __index and __newindex of the closed table of globals. [-n, +0, v] */
static int refuse_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    if (lua_gettop(L) == 2)
        return luaL_error(L, "undefined name '%s' (no global variables, no io, os, debug)", name);
    return luaL_error(L, "global variable '%s': a plugin keeps nothing in globals; write `local %s`", name, name);
}

static void close_globals(lua_State *L)
{
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

static void drop_field(lua_State *L, const char *library, const char *name)
{
    lua_getfield(L, -1, library);
    lua_pushnil(L);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void sandbox_open_base(lua_State *L)
{
    static const luaL_Reg own[] = {
        {"pcall", base_pcall}, {"xpcall", base_xpcall}, {"tostring", base_tostring},
        {"print", base_print}, {"load", base_load},     {"collectgarbage", base_collectgarbage},
        {NULL, NULL},
    };
    static const char *const gone[] = {"dofile", "loadfile", "warn", "_VERSION"};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, own, 0);
    lua_getfield(L, -1, LUA_UTF8LIBNAME);
    lua_pushcfunction(L, utf8_char);
    lua_setfield(L, -2, "char");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcclosure(L, base_require, 1);
    lua_setfield(L, -2, "require");
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, gone[i]);
    }
    drop_field(L, LUA_MATHLIBNAME, "random");
    drop_field(L, LUA_MATHLIBNAME, "randomseed");
    close_globals(L);
    lua_pop(L, 1);
}
