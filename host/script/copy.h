/* Values in and out of a Lua state: by copy, with raw access only, bounded in depth. */
#ifndef MUSTER_SCRIPT_COPY_H
#define MUSTER_SCRIPT_COPY_H

#include "base/value.h"
#include "wire/reader.h"
#include "wire/reply.h"

#include <lua.h>

#define COPY_DEPTH_MAX 32

/* Everything here raises a Lua error when it can't, and owns nothing that a jump could leak. */

/* Push one value: JSON becomes tables (null: muster.null), NULL becomes nil. [-0, +1, e] */
void copy_push(lua_State *L, const struct value *v);
/* Push what one JSON text says. [-0, +1, e] */
void copy_push_json(lua_State *L, struct slice text);
/* Push the next value of a canonical reply: null is nil in maps, muster.null in arrays. [-0, +1, e] */
void copy_push_reply(lua_State *L, struct reader *r);
/* Push muster.null. [-0, +1, -] */
void copy_push_null(lua_State *L);
bool copy_is_null(lua_State *L, int index); /* nil or muster.null */

/* Write a value as its Lua type says: sequences are arrays, other tables maps with sorted keys. [-0, +0, e] */
void copy_any(lua_State *L, int index, struct reply *out);
/* Append it as JSON text, the same way. [-0, +0, e] */
void copy_json(lua_State *L, int index, struct buf *out);

/* A key of a table, as text. */
struct copy_key {
    const char *text;
    size_t len;
    lua_Integer number;
    bool is_number;
};
/* Is the table a sequence (1..n, nothing else; also when empty)? Its length, or -1. [-0, +0, -] */
lua_Integer copy_sequence(lua_State *L, int index);
/* Push a userdata with the table's keys in order of their bytes; valid while it and the table stay as they are. [-0,
 * +1, e] */
const struct copy_key *copy_keys(lua_State *L, int index, size_t *count);
/* Push the value of such a key. [-0, +1, -] */
void copy_field(lua_State *L, int index, const struct copy_key *key);

#endif
