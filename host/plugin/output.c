#include "plugin/output.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/args.h"
#include "script/copy.h"
#include "script/sandbox.h"
#include "wire/json.h"

#include <lauxlib.h>
#include <string.h>

/* A value that does not fit its shape is the plugin's mistake and is refused, so that tests show it; nothing is
 * converted silently but what SQL has no type for (booleans as 0 and 1, whole numbers as reals). */

static void refuse(lua_State *L, int index, const struct shape *shape, const char *wanted)
{
    luaL_error(L, "returns: %s%sshould be %s, is %s", shape->name ? shape->name : "", shape->name ? " " : "the value ",
               wanted,
               lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index) ? "a fraction" : luaL_typename(L, index));
}

static void write_int(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    int whole = 0;
    lua_Integer i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
    if (!whole)
        refuse(L, index, shape, shape->type == SHAPE_FEN ? "a whole number of fen" : "an integer");
    reply_int(out, i);
}

static void write_bool(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    bool number = lua_isinteger(L, index) && (lua_tointeger(L, index) == 0 || lua_tointeger(L, index) == 1);
    if (!number && !lua_isboolean(L, index))
        refuse(L, index, shape, "a boolean (or 0, 1)");
    reply_bool(out, number ? lua_tointeger(L, index) == 1 : lua_toboolean(L, index));
}

static void write_text(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    struct slice s = {NULL, 0};
    int64_t days;
    if (lua_type(L, index) == LUA_TSTRING)
        s.data = lua_tolstring(L, index, &s.len);
    if (!s.data || !utf8_valid(s))
        refuse(L, index, shape, "a text in UTF-8");
    if (shape->type == SHAPE_DATE && clock_parse_date(s, &days) != 0)
        refuse(L, index, shape, "a day as YYYY-MM-DD");
    reply_text(out, s);
}

static void write_blob(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    if (lua_type(L, index) != LUA_TSTRING)
        refuse(L, index, shape, "a string of bytes");
    struct slice s;
    s.data = lua_tolstring(L, index, &s.len);
    reply_blob(out, s);
}

/* A string is JSON text already (from a column, say); anything else is written as JSON. */
static void write_json(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    struct slice s;
    if (lua_type(L, index) == LUA_TSTRING) {
        s.data = lua_tolstring(L, index, &s.len);
        if (json_check(s, COPY_DEPTH_MAX, NULL) != 0)
            refuse(L, index, shape, "a JSON text or a table");
        reply_text(out, s);
        return;
    }
    struct buf *text = &sandbox_of(L)->text;
    buf_clear(text);
    text->max = out->max_bytes;
    copy_json(L, index, text);
    reply_text(out, buf_view(text));
}

static void write_array(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    lua_Integer n = lua_istable(L, index) ? copy_sequence(L, index) : -1;
    if (n < 0)
        refuse(L, index, shape,
               lua_istable(L, index) ? "a sequence without holes (write muster.null for what is missing)"
                                     : "a sequence");
    luaL_checkstack(L, 6, "reply");
    reply_array_open(out);
    for (lua_Integer i = 1; i <= n && out->code == 0; i++) {
        lua_rawgeti(L, index, i);
        output_write(L, lua_gettop(L), &shape->items[0], out);
        lua_pop(L, 1);
    }
    reply_close(out);
}

/* More keys than the shape knows: name one that it does not. */
static void refuse_key(lua_State *L, int index, const struct shape *shape)
{
    char keys[SHAPE_KEYS_BYTES];
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a key that is no text";
        bool known = false;
        for (int i = 0; i < shape->count; i++)
            known = known || strcmp(key, shape->items[i].name) == 0;
        if (!known)
            luaL_error(L, "returns: %s is not in the declared shape%s%s, which has %s", key, shape->name ? " of " : "",
                       shape->name ? shape->name : "", shape_keys(shape, keys, sizeof(keys)));
    }
}

static void write_map(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    if (!lua_istable(L, index))
        refuse(L, index, shape, "a table");
    luaL_checkstack(L, 6, "reply");
    int given = 0;
    reply_map_open(out);
    for (int i = 0; i < shape->count && out->code == 0; i++) {
        const struct shape *field = &shape->items[i];
        reply_key(out, field->name);
        lua_pushstring(L, field->name); /* by its address, Lua finds it in a small cache */
        if (lua_rawget(L, index) != LUA_TNIL)
            given++;
        output_write(L, lua_gettop(L), field, out);
        lua_pop(L, 1);
    }
    reply_close(out);
    int there = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (++there > given) {
            lua_pop(L, 2);
            refuse_key(L, index, shape);
            return;
        }
}

void output_write(lua_State *L, int index, const struct shape *shape, struct reply *out)
{
    if (copy_is_null(L, index)) {
        reply_null(out);
        return;
    }
    switch (shape->type) {
    case SHAPE_NIL:
        refuse(L, index, shape, "nil");
        return;
    case SHAPE_INT:
    case SHAPE_FEN:
    case SHAPE_INSTANT:
        write_int(L, index, shape, out);
        return;
    case SHAPE_BOOL:
        write_bool(L, index, shape, out);
        return;
    case SHAPE_TEXT:
    case SHAPE_DATE:
        write_text(L, index, shape, out);
        return;
    case SHAPE_BLOB:
        write_blob(L, index, shape, out);
        return;
    case SHAPE_JSON:
        write_json(L, index, shape, out);
        return;
    case SHAPE_ANY:
        copy_any(L, index, out);
        return;
    case SHAPE_ARRAY:
        write_array(L, index, shape, out);
        return;
    case SHAPE_MAP:
        write_map(L, index, shape, out);
        return;
    }
}
