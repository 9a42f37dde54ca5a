#include "script/binding.h"
#include "script/copy.h"
#include "script/jsontext.h"

#include <string.h>

/* call:invoke and call:figure: arguments go out as texts of the wire, the canonical reply comes back as Lua values.
 * Between the two other plugins run, perhaps this very state again; so the buffers belong to this nesting alone. */

enum { ARGS_MAX = 64, ARGS_BYTES = 8 * 1024 * 1024, REPLY_BYTES = 8 * 1024 * 1024 };

typedef int ask(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                struct err *err);

/* The value on top as its text on the wire. [-0, +0, e] */
static void put_text(lua_State *L, struct buf *out)
{
    int rv = 0;
    struct slice s;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s.data = lua_tolstring(L, -1, &s.len);
        rv = buf_slice(out, s);
        break;
    case LUA_TNUMBER:
        rv = lua_isinteger(L, -1) ? buf_int(out, lua_tointeger(L, -1)) : jsontext_double(lua_tonumber(L, -1), out);
        break;
    case LUA_TBOOLEAN:
        rv = buf_text(out, lua_toboolean(L, -1) ? "true" : "false");
        break;
    default:
        copy_json(L, -1, out);
    }
    if (rv != 0)
        luaL_error(L, "call:invoke: an argument is too long or not a number");
}

/* The table at `index` as names and texts inside `buf`. Their number. [-0, +0, e] */
static int gather(lua_State *L, int index, struct buf *buf, struct named_arg *args)
{
    size_t at[ARGS_MAX][2];
    int n = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "call:invoke: arguments are given by name: { name = value }");
        if (copy_is_null(L, -1))
            continue;
        if (n == ARGS_MAX)
            luaL_error(L, "call:invoke: more than %d arguments", ARGS_MAX);
        at[n][0] = buf->len;
        args[n].name.data = lua_tolstring(L, -2, &args[n].name.len);
        buf_slice(buf, args[n].name);
        at[n][1] = buf->len;
        put_text(L, buf);
        args[n].text.len = buf->len - at[n][1];
        n++;
    }
    const char *base = buf->data ? buf->data : "";
    for (int i = 0; i < n; i++) {
        args[i].name.data = base + at[i][0];
        args[i].text.data = base + at[i][1];
    }
    return n;
}

/* Ask for (self, name, arguments) and push the answer. [-0, +1, e] */
static int converse(lua_State *L, const char *method, bool figure)
{
    struct sandbox *sb = sandbox_of(L);
    struct call *call = binding_call(L);
    struct slice name;
    name.data = luaL_checklstring(L, 2, &name.len);
    lua_settop(L, 3);
    if (!lua_isnil(L, 3))
        luaL_checktype(L, 3, LUA_TTABLE);
    if (sb->level > CALL_DEPTH_MAX)
        return luaL_error(L, "call:%s: nested deeper than %d", method, CALL_DEPTH_MAX);
    struct sandbox_level *level = &sb->levels[sb->level];
    buf_clear(&level->args);
    buf_clear(&level->reply);
    level->args.max = ARGS_BYTES;
    level->reply.max = REPLY_BYTES;
    struct named_arg args[ARGS_MAX];
    int nargs = lua_isnil(L, 3) ? 0 : gather(L, 3, &level->args, args);
    struct err err = {0};
    ask *ask_host = figure ? call->ops->figure : call->ops->invoke;
    sb->level++;
    int rv = ask_host(call, name, args, nargs, &level->reply, &err);
    sb->level--;
    if (rv != 0 || reader_error(buf_view(&level->reply), &err))
        return binding_refuse(L, &err);
    sandbox_poll(L); /* the time may be used up although the callee made it */
    struct reader reader = {buf_view(&level->reply)};
    copy_push_reply(L, &reader);
    buf_clear(&level->reply); /* a large one is not kept */
    return 1;
}

int binding_invoke(lua_State *L)
{
    return converse(L, "invoke", false);
}

int binding_figure(lua_State *L)
{
    return converse(L, "figure", true);
}
