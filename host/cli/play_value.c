#include "cli/play.h"
#include "wire/reader.h"

#include <string.h>

/* Replies become Lua values. A null is nil at the top, muster.null inside arrays (a sequence must not have holes), and
 * absent in maps. The mark `replayed` is about the reply, not in it: it goes into meta.
 */

void play_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

bool play_is_null(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == NULL;
}

static void push_node(lua_State *L, struct reader *r, bool in_array);

static void push_array(lua_State *L, struct reader *r, int64_t count)
{
    lua_createtable(L, count < 4096 ? (int)count : 4096, 0);
    for (int64_t i = 1; i <= count; i++) {
        push_node(L, r, true);
        lua_rawseti(L, -2, i);
    }
}

static void push_map(lua_State *L, struct reader *r, int64_t count)
{
    lua_createtable(L, 0, count < 4096 ? (int)count : 4096);
    for (int64_t i = 0; i < count; i++) {
        push_node(L, r, true);
        push_node(L, r, false);
        if (lua_isnil(L, -2))
            lua_pop(L, 2);
        else
            lua_rawset(L, -3);
    }
}

static void push_node(lua_State *L, struct reader *r, bool in_array)
{
    struct node n;
    luaL_checkstack(L, 4, "a reply is nested too deep");
    if (reader_next(r, &n) != 1) {
        lua_pushnil(L);
        return;
    }
    switch (n.type) {
    case NODE_NULL:
        if (in_array)
            play_push_null(L);
        else
            lua_pushnil(L);
        break;
    case NODE_BOOL:
        lua_pushboolean(L, n.i != 0);
        break;
    case NODE_INT:
        lua_pushinteger(L, n.i);
        break;
    case NODE_DOUBLE:
        lua_pushnumber(L, n.d);
        break;
    case NODE_TEXT:
    case NODE_BLOB:
    case NODE_STATUS:
    case NODE_ERROR:
        lua_pushlstring(L, n.s.data, n.s.len);
        break;
    case NODE_ARRAY:
    case NODE_SET:
    case NODE_PUSH:
        push_array(L, r, n.count);
        break;
    case NODE_MAP:
        push_map(L, r, n.count);
        break;
    case NODE_ATTRIBUTE: /* says something about the value behind it */
        for (int64_t i = 0; i < 2 * n.count; i++)
            reader_skip(r);
        push_node(L, r, in_array);
        break;
    }
}

void play_push_reply(lua_State *L, struct slice reply)
{
    struct reader r = {reader_strip(reply)};
    push_node(L, &r, false);
}

void play_push_outcome(lua_State *L, struct slice reply)
{
    struct err err = {0};
    bool failed = reader_error(reply, &err), replayed = !failed && reader_is_replayed(reply);
    luaL_checkstack(L, 6, NULL);
    if (failed) {
        lua_pushnil(L);
        play_push_error(L, &err, false);
    } else {
        play_push_reply(L, reply);
        if (replayed && lua_istable(L, -1)) {
            lua_pushnil(L);
            lua_setfield(L, -2, "replayed");
        }
        lua_pushnil(L);
    }
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, replayed);
    lua_setfield(L, -2, "replayed");
}

/* error table → "CODE rule: text". [-0, +1, e] */
static int error_tostring(lua_State *L)
{
    lua_getfield(L, 1, "code");
    lua_getfield(L, 1, "rule");
    lua_getfield(L, 1, "text");
    const char *code = lua_tostring(L, -3), *rule = lua_tostring(L, -2), *text = lua_tostring(L, -1);
    lua_pushfstring(L, "%s %s%s%s", code ? code : "?", rule ? rule : "", rule ? ": " : "", text ? text : "");
    return 1;
}

static void set_text(lua_State *L, const char *key, const char *text)
{
    if (text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

void play_push_error(lua_State *L, const struct err *err, bool connection)
{
    lua_createtable(L, 0, 8);
    /* A script must be able to tell "no connection" from "the server has a fault": both are INTERNAL on the wire. */
    set_text(L, "code", connection && err->code == ERR_IO ? "IO" : err_token(err->code));
    set_text(L, "rule", err->rule);
    set_text(L, "arg", err->arg);
    set_text(L, "state", err->state);
    set_text(L, "allowed", err->allowed);
    set_text(L, "text", err->text);
    lua_pushboolean(L, err_retryable(err->code));
    lua_setfield(L, -2, "retry");
    lua_pushboolean(L, connection);
    lua_setfield(L, -2, "connection");
    lua_pushinteger(L, err_exit_status(err->code));
    lua_setfield(L, -2, "status");
    if (luaL_newmetatable(L, "muster.error")) {
        lua_pushcfunction(L, error_tostring);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setmetatable(L, -2);
}
