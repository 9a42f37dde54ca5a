#include "cli/play.h"
#include "script/jsontext.h"

/* Lua tables and JSON. A sequence is an array, a table with text keys an object; an empty table is an array unless it
 * came from an object or was marked by muster.json.object. Nulls as in replies.
 */

#define OBJECT_MARK "muster.json.object"

static bool is_marked(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, OBJECT_MARK);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

enum shape { SHAPE_ARRAY, SHAPE_OBJECT, SHAPE_MIXED };

static enum shape shape_of(lua_State *L, int index)
{
    lua_Integer length = (lua_Integer)lua_rawlen(L, index), numbers = 0;
    bool texts = false, others = false;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            texts = true;
        else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= length)
            numbers++;
        else
            others = true;
    }
    if (others || numbers != length || (texts && numbers > 0))
        return SHAPE_MIXED;
    return texts || (numbers == 0 && is_marked(L, index)) ? SHAPE_OBJECT : SHAPE_ARRAY;
}

static json_t *array_to_json(lua_State *L, int index, int depth, struct err *err)
{
    json_t *array = json_array();
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= length; i++) {
        lua_rawgeti(L, index, i);
        json_t *value = play_to_json(L, lua_gettop(L), depth + 1, err);
        lua_pop(L, 1);
        if (value == NULL || json_array_append_new(array, value) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *object_to_json(lua_State *L, int index, int depth, struct err *err)
{
    json_t *object = json_object();
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        json_t *value = play_to_json(L, lua_gettop(L), depth + 1, err);
        lua_pop(L, 1);
        if (value != NULL && json_object_set_new(object, lua_tostring(L, -1), value) != 0)
            err_set(err, ERR_ARG, "a key for JSON is not UTF-8"), value = NULL;
        if (value == NULL) {
            lua_pop(L, 1);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *table_to_json(lua_State *L, int index, int depth, struct err *err)
{
    if (depth >= PLAY_DEPTH_MAX || !lua_checkstack(L, 8)) {
        err_set(err, ERR_ARG, "a table for JSON is nested deeper than %d", PLAY_DEPTH_MAX);
        return NULL;
    }
    switch (shape_of(L, index)) {
    case SHAPE_ARRAY:
        return array_to_json(L, index, depth, err);
    case SHAPE_OBJECT:
        return object_to_json(L, index, depth, err);
    default:
        err_set(err, ERR_ARG, "a table for JSON has text keys or the keys 1, 2, 3 … without gaps, not both");
        return NULL;
    }
}

json_t *play_to_json(lua_State *L, int index, int depth, struct err *err)
{
    json_t *value = NULL;
    size_t len;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        return json_boolean(lua_toboolean(L, index));
    case LUA_TNUMBER:
        value = lua_isinteger(L, index) ? json_integer(lua_tointeger(L, index)) : json_real(lua_tonumber(L, index));
        if (value == NULL)
            err_set(err, ERR_ARG, "JSON has no infinite and undefined numbers");
        return value;
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &len);
        value = json_stringn(text, len);
        if (value == NULL)
            err_set(err, ERR_ARG, "a text for JSON is not UTF-8");
        return value;
    }
    case LUA_TTABLE:
        return table_to_json(L, lua_absindex(L, index), depth, err);
    default:
        if (play_is_null(L, index))
            return json_null();
        err_set(err, ERR_ARG, "a %s cannot be sent as JSON", luaL_typename(L, index));
        return NULL;
    }
}

static void push_json(lua_State *L, const json_t *value, bool in_array)
{
    luaL_checkstack(L, 6, "JSON is nested too deep");
    switch (json_typeof(value)) {
    case JSON_NULL:
        if (in_array)
            play_push_null(L);
        else
            lua_pushnil(L);
        break;
    case JSON_TRUE:
        lua_pushboolean(L, 1);
        break;
    case JSON_FALSE:
        lua_pushboolean(L, 0);
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_ARRAY: {
        size_t i;
        const json_t *item;
        lua_createtable(L, (int)json_array_size(value), 0);
        json_array_foreach(value, i, item)
        {
            push_json(L, item, true);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    }
    case JSON_OBJECT: {
        const char *key;
        json_t *item;
        lua_createtable(L, 0, (int)json_object_size(value));
        luaL_newmetatable(L, OBJECT_MARK);
        lua_setmetatable(L, -2);
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            push_json(L, item, false);
            lua_setfield(L, -2, key);
        }
        break;
    }
    }
}

void play_push_json(lua_State *L, const json_t *value)
{
    push_json(L, value, false);
}

/* json.encode(value) → text. [-0, +1, v] */
static int encode(lua_State *L)
{
    struct err err = {0};
    luaL_checkany(L, 1);
    json_t *value = play_to_json(L, 1, 0, &err);
    if (value == NULL)
        return luaL_error(L, "json.encode: %s", err.text);
    struct buf text = {0};
    int rv = jsontext_put(value, &text);
    json_decref(value);
    if (rv == 0)
        lua_pushlstring(L, text.data, text.len); /* memory running out here ends the process anyway */
    buf_close(&text);
    return rv == 0 ? 1 : luaL_error(L, "json.encode: too long");
}

/* json.decode(text) → value. [-0, +1, v] */
static int decode(lua_State *L)
{
    struct err err = {0};
    struct slice text;
    json_t *value = NULL;
    text.data = luaL_checklstring(L, 1, &text.len);
    if (jsontext_parse(text, &value, &err) != 0)
        return luaL_error(L, "json.decode: %s", err.text);
    play_push_json(L, value); /* running out of memory here ends the script, and the process after it */
    json_decref(value);
    return 1;
}

/* json.object(t) → t, which is then an object also when it is empty. [-0, +1, v] */
static int object(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_newmetatable(L, OBJECT_MARK);
    lua_setmetatable(L, 1);
    return 1;
}

void play_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"encode", encode}, {"decode", decode}, {"object", object}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "json");
}
