#include "script/copy.h"

#include "base/utf8.h"
#include "script/jsontext.h"
#include "script/sandbox.h"

#include <stdlib.h>
#include <string.h>

/* Nothing here asks a metamethod, and what must survive a raised error lives in Lua: the sorted keys of a table are a
 * userdata, and a JSON tree is turned into tables inside a protected call, so that it is freed in any case. */

enum { VALUE_BYTES = 32, MANY_BYTES = 64 * 1024 };

void copy_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

bool copy_is_null(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) || (lua_islightuserdata(L, index) && !lua_touserdata(L, index));
}

/* -- into Lua -- */

static void push_tree(lua_State *L, json_t *value)
{
    luaL_checkstack(L, 4, "JSON");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        lua_createtable(L, 0, (int)json_object_size(value));
        for (void *it = json_object_iter(value); it; it = json_object_iter_next(value, it)) {
            lua_pushstring(L, json_object_iter_key(it));
            push_tree(L, json_object_iter_value(it));
            lua_rawset(L, -3);
        }
        break;
    case JSON_ARRAY:
        lua_createtable(L, (int)json_array_size(value), 0);
        for (size_t i = 0; i < json_array_size(value); i++) {
            push_tree(L, json_array_get(value, i));
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        break;
    default:
        copy_push_null(L);
    }
}

/* [-1, +1, e] */
static int push_tree_protected(lua_State *L)
{
    json_t *tree = lua_touserdata(L, 1);
    push_tree(L, tree);
    return 1;
}

/* More values than the state has room for? While it is parsed the tree is not counted as the state's memory. */
static bool has_too_many(lua_State *L, struct slice text)
{
    size_t most = sandbox_of(L)->options.soft_bytes / VALUE_BYTES, n = 1;
    for (size_t i = 0; i < text.len && n <= most; i++)
        n += text.data[i] == ',' || text.data[i] == '[' || text.data[i] == '{';
    return n > most;
}

void copy_push_json(lua_State *L, struct slice text)
{
    struct err err = {0};
    json_t *tree = NULL;
    luaL_checkstack(L, 4, "JSON");
    if (text.len > MANY_BYTES && has_too_many(L, text))
        luaL_error(L, "a JSON text of so many values does not fit into the memory of a plugin");
    if (jsontext_parse(text, &tree, &err) != 0) {
        luaL_error(L, "%s", err.text);
        return;
    }
    lua_pushcfunction(L, push_tree_protected);
    lua_pushlightuserdata(L, tree);
    int status = lua_pcall(L, 1, 1, 0);
    json_decref(tree);
    sandbox_poll(L);
    if (status != LUA_OK)
        lua_error(L);
}

void copy_push(lua_State *L, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        lua_pushnil(L);
        return;
    case VALUE_INT:
        lua_pushinteger(L, v->i);
        return;
    case VALUE_DOUBLE:
        lua_pushnumber(L, v->d);
        return;
    case VALUE_BOOL:
        lua_pushboolean(L, v->i != 0);
        return;
    case VALUE_TEXT:
    case VALUE_BLOB:
        lua_pushlstring(L, v->s.data ? v->s.data : "", v->s.len);
        return;
    case VALUE_JSON:
        copy_push_json(L, v->s);
        return;
    }
}

static void push_node(lua_State *L, struct reader *r, int depth, bool in_map);

static void push_items(lua_State *L, struct reader *r, const struct node *node, int depth)
{
    lua_createtable(L, node->count < 4096 ? (int)node->count : 4096, 0);
    for (int64_t i = 1; i <= node->count; i++) {
        push_node(L, r, depth + 1, false);
        lua_rawseti(L, -2, i);
    }
}

static void push_pairs(lua_State *L, struct reader *r, const struct node *node, int depth)
{
    lua_createtable(L, 0, node->count < 4096 ? (int)node->count : 4096);
    for (int64_t i = 0; i < node->count; i++) {
        push_node(L, r, depth + 1, false); /* keys are texts */
        push_node(L, r, depth + 1, true);
        lua_rawset(L, -3);
    }
}

static void push_node(lua_State *L, struct reader *r, int depth, bool in_map)
{
    struct node node;
    luaL_checkstack(L, 4, "reply");
    if (depth > COPY_DEPTH_MAX || reader_next(r, &node) != 1) {
        luaL_error(L, "the reply of a called command can't be read");
        return;
    }
    switch (node.type) {
    case NODE_NULL:
        if (in_map)
            lua_pushnil(L);
        else
            copy_push_null(L);
        return;
    case NODE_BOOL:
        lua_pushboolean(L, node.i != 0);
        return;
    case NODE_INT:
        lua_pushinteger(L, node.i);
        return;
    case NODE_DOUBLE:
        lua_pushnumber(L, node.d);
        return;
    case NODE_ARRAY:
    case NODE_SET:
    case NODE_PUSH:
        push_items(L, r, &node, depth);
        return;
    case NODE_MAP:
        push_pairs(L, r, &node, depth);
        return;
    case NODE_ATTRIBUTE: /* what is said about the reply, not the reply */
        for (int64_t i = 0; i < 2 * node.count; i++)
            if (reader_skip(r) != 0)
                luaL_error(L, "the reply of a called command can't be read");
        push_node(L, r, depth, in_map);
        return;
    case NODE_TEXT:
    case NODE_BLOB:
    case NODE_STATUS:
    case NODE_ERROR:
        lua_pushlstring(L, node.s.data ? node.s.data : "", node.s.len);
        return;
    }
}

void copy_push_reply(lua_State *L, struct reader *r)
{
    push_node(L, r, 0, true);
}

/* -- tables -- */

lua_Integer copy_sequence(lua_State *L, int index)
{
    lua_Integer length = (lua_Integer)lua_rawlen(L, index), keys = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (++keys > length) {
            lua_pop(L, 2);
            return -1;
        }
    return keys == length ? length : -1;
}

static int by_bytes(const void *a, const void *b)
{
    const struct copy_key *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

const struct copy_key *copy_keys(lua_State *L, int index, size_t *count)
{
    enum { DIGITS = 24 };
    size_t n = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), n++)
        if (lua_type(L, -2) != LUA_TSTRING && !lua_isinteger(L, -2))
            luaL_error(L, "a table with a %s as key can't be written", luaL_typename(L, -2));
    struct copy_key *keys = lua_newuserdatauv(L, n * (sizeof(*keys) + DIGITS) + 1, 0);
    char *digits = (char *)(keys + n);
    size_t i = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), i++) {
        struct copy_key *key = &keys[i];
        *key = (struct copy_key){.is_number = lua_type(L, -2) != LUA_TSTRING};
        if (key->is_number) {
            key->number = lua_tointeger(L, -2);
            key->text = digits;
            key->len = (size_t)snprintf(digits, DIGITS, "%lld", (long long)key->number);
            digits += DIGITS;
        } else {
            key->text = lua_tolstring(L, -2, &key->len);
        }
    }
    qsort(keys, n, sizeof(*keys), by_bytes);
    *count = n;
    return keys;
}

void copy_field(lua_State *L, int index, const struct copy_key *key)
{
    index = lua_absindex(L, index);
    if (key->is_number) {
        lua_rawgeti(L, index, key->number);
    } else {
        lua_pushlstring(L, key->text, key->len);
        lua_rawget(L, index);
    }
}

/* -- out of Lua -- */

static void check_depth(lua_State *L, int depth)
{
    luaL_checkstack(L, 8, "value");
    if (depth > COPY_DEPTH_MAX - 2)
        luaL_error(L, "a table nested deeper than %d, or containing itself, can't be written", COPY_DEPTH_MAX - 2);
}

/* The keys of a map. A number among them is a list with holes, or a list and a map in one: as a map it would reach its
 * readers as something else than what was meant. [-0, +1, e] */
static const struct copy_key *map_keys(lua_State *L, int index, size_t *count)
{
    const struct copy_key *keys = copy_keys(L, index, count);
    for (size_t i = 0; i < *count; i++)
        if (keys[i].is_number)
            luaL_error(L,
                       "a table with the key [%d] can't be written: a list has no holes and no other keys (write "
                       "muster.null for what is missing), and the keys of a map are texts (tostring)",
                       (int)keys[i].number);
    return keys;
}

static void write_any(lua_State *L, int index, struct reply *out, int depth);

static void write_table(lua_State *L, int index, struct reply *out, int depth)
{
    check_depth(L, depth);
    lua_Integer length = copy_sequence(L, index);
    if (length >= 0) {
        reply_array_open(out);
        for (lua_Integer i = 1; i <= length && out->code == 0; i++) {
            sandbox_poll(L);
            lua_rawgeti(L, index, i);
            write_any(L, lua_gettop(L), out, depth + 1);
            lua_pop(L, 1);
        }
    } else {
        size_t n;
        const struct copy_key *keys = map_keys(L, index, &n);
        reply_map_open(out);
        for (size_t i = 0; i < n && out->code == 0; i++) {
            sandbox_poll(L);
            reply_text(out, (struct slice){keys[i].text, keys[i].len});
            copy_field(L, index, &keys[i]);
            write_any(L, lua_gettop(L), out, depth + 1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    reply_close(out);
}

static void write_any(lua_State *L, int index, struct reply *out, int depth)
{
    struct slice s;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        reply_null(out);
        return;
    case LUA_TBOOLEAN:
        reply_bool(out, lua_toboolean(L, index));
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            reply_int(out, lua_tointeger(L, index));
        else
            reply_double(out, lua_tonumber(L, index));
        return;
    case LUA_TSTRING:
        s.data = lua_tolstring(L, index, &s.len);
        if (utf8_valid(s))
            reply_text(out, s);
        else
            reply_blob(out, s);
        return;
    case LUA_TTABLE:
        write_table(L, index, out, depth);
        return;
    default:
        if (copy_is_null(L, index))
            reply_null(out);
        else
            luaL_error(L, "a %s can't be written", luaL_typename(L, index));
    }
}

void copy_any(lua_State *L, int index, struct reply *out)
{
    write_any(L, lua_absindex(L, index), out, 0);
}

static void put_json(lua_State *L, int index, struct buf *out, int depth);

static void refuse_size(lua_State *L, const struct buf *out)
{
    luaL_error(L, "a value of more than %d bytes of JSON can't be written", (int)out->max);
}

static void put_table(lua_State *L, int index, struct buf *out, int depth)
{
    check_depth(L, depth);
    lua_Integer length = copy_sequence(L, index);
    if (length >= 0) {
        buf_byte(out, '[');
        for (lua_Integer i = 1; i <= length; i++) {
            sandbox_poll(L); /* one table may stand in many places */
            if (i > 1)
                buf_byte(out, ',');
            lua_rawgeti(L, index, i);
            put_json(L, lua_gettop(L), out, depth + 1);
            lua_pop(L, 1);
        }
        if (buf_byte(out, ']') != 0)
            refuse_size(L, out);
        return;
    }
    size_t n;
    const struct copy_key *keys = map_keys(L, index, &n);
    buf_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        sandbox_poll(L);
        struct slice key = {keys[i].text, keys[i].len};
        if (!utf8_valid(key))
            luaL_error(L, "a key that is not UTF-8 can't be written as JSON");
        if (i > 0)
            buf_byte(out, ',');
        jsontext_quote(key, out);
        buf_byte(out, ':');
        copy_field(L, index, &keys[i]);
        put_json(L, lua_gettop(L), out, depth + 1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (buf_byte(out, '}') != 0)
        refuse_size(L, out);
}

static void put_json(lua_State *L, int index, struct buf *out, int depth)
{
    struct slice s;
    int rv = 0;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        rv = buf_text(out, "null");
        break;
    case LUA_TBOOLEAN:
        rv = buf_text(out, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        rv = lua_isinteger(L, index) ? buf_int(out, lua_tointeger(L, index))
                                     : jsontext_double(lua_tonumber(L, index), out);
        if (rv == ERR_ARG)
            luaL_error(L, "JSON has no infinite number and no NaN");
        break;
    case LUA_TSTRING:
        s.data = lua_tolstring(L, index, &s.len);
        if (!utf8_valid(s))
            luaL_error(L, "a text that is not UTF-8 can't be written as JSON");
        rv = jsontext_quote(s, out);
        break;
    case LUA_TTABLE:
        put_table(L, index, out, depth);
        break;
    default:
        if (!copy_is_null(L, index))
            luaL_error(L, "a %s can't be written as JSON", luaL_typename(L, index));
        rv = buf_text(out, "null");
    }
    if (rv != 0)
        refuse_size(L, out);
}

void copy_json(lua_State *L, int index, struct buf *out)
{
    put_json(L, lua_absindex(L, index), out, 0);
}
