#include "script/copy.h"
#include "script/sandbox.h"

/* The table `muster`: null and json. */

enum { JSON_BYTES = 8 * 1024 * 1024 };

/* muster.json.encode(value) → text [-1, +1, e] */
static int json_encode(lua_State *L)
{
    struct buf *out = &sandbox_of(L)->text;
    luaL_checkany(L, 1);
    buf_clear(out);
    out->max = JSON_BYTES;
    copy_json(L, 1, out);
    lua_pushlstring(L, out->data, out->len);
    return 1;
}

/* muster.json.decode(text) → value; null is muster.null [-1, +1, e] */
static int json_decode(lua_State *L)
{
    struct slice text;
    text.data = luaL_checklstring(L, 1, &text.len);
    luaL_argcheck(L, text.len <= JSON_BYTES, 1, "too long");
    copy_push_json(L, text);
    return 1;
}

void sandbox_open_muster(lua_State *L)
{
    lua_createtable(L, 0, 2);
    copy_push_null(L);
    lua_setfield(L, -2, "null");
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, json_encode);
    lua_setfield(L, -2, "encode");
    lua_pushcfunction(L, json_decode);
    lua_setfield(L, -2, "decode");
    lua_setfield(L, -2, "json");
    lua_setglobal(L, "muster");
}
