/* The Lua runner of `muster play`: what its files share. The script runs on the user's machine with Lua's full
 * libraries. */
#ifndef MUSTER_CLI_PLAY_H
#define MUSTER_CLI_PLAY_H

#include "cli/connect.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>

#define PLAY_CONN "muster.connection"
#define PLAY_DEPTH_MAX 32

/* Words of one command, gathered one after the other. Zero-initialise; play_words_close frees. */
struct play_words {
    struct buf bytes;
    size_t *ends; /* of each word in `bytes` */
    struct slice *slices;
    int count, cap;
};

/* A connection as userdata with the metatable PLAY_CONN. */
struct play_conn {
    struct client *client; /* NULL once closed or failed */
    struct play_words words;
    int pending; /* replies of sent commands still to be read */
};

/* The connection at `arg`, open, or an error. [-0, +0, v] */
struct play_conn *play_check_conn(lua_State *L, int arg);
/* Gather the words of `command` (string at `command`) with the arguments table at `args` (nil: none). 0 or ERR_ARG;
 * raises nothing. */
int play_gather(lua_State *L, struct play_words *words, int command, int args, struct err *err);
void play_words_clear(struct play_words *words);
void play_word_end(struct play_words *words);              /* what was appended to words->bytes is one word */
struct slice *play_words_slices(struct play_words *words); /* valid until the next change */
void play_words_close(struct play_words *words);

/* Push the reply as a Lua value: arrays as sequences with muster.null, maps without their nulls. [-0, +1, m] */
void play_push_reply(lua_State *L, struct slice reply);
/* Push value, error table or nil, meta. [-0, +3, m] */
void play_push_outcome(lua_State *L, struct slice reply);
/* Push the table {code,rule,arg,state,allowed,text,retry} of an error reply, or of a failed connection. [-0, +1, m] */
void play_push_error(lua_State *L, const struct err *err, bool connection);
void play_push_null(lua_State *L); /* [-0, +1, -] */
bool play_is_null(lua_State *L, int index);

/* The Lua value at `index` as a new json_t, or NULL with `err` filled. Raises nothing but memory errors. */
json_t *play_to_json(lua_State *L, int index, int depth, struct err *err);
void play_push_json(lua_State *L, const json_t *value); /* [-0, +1, m] */

/* Each adds its functions to the module table on top of the stack. [-0, +0, m] */
void play_open_connections(lua_State *L, const struct connect *connect);
void play_open_tcp(lua_State *L, const struct connect *connect);
void play_open_each(lua_State *L);
void play_open_progress(lua_State *L);
void play_open_tools(lua_State *L);
void play_open_json(lua_State *L);

#endif
