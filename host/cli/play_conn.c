#include "cli/play.h"

#include <string.h>

/* Bindings of one TLS connection. A reply of the server that is an error keeps the connection; a failure of the
 * connection closes it, since what comes next on it could belong to anything.
 */

static const struct connect *defaults; /* the command line's; set once, before the script runs */

struct play_conn *play_check_conn(lua_State *L, int arg)
{
    struct play_conn *c = luaL_checkudata(L, arg, PLAY_CONN);
    if (c->client == NULL) {
        struct err err = {0};
        err_rule(&err, ERR_IO, "connection.closed", NULL, "the connection is closed");
        play_push_error(L, &err, true);
        lua_error(L);
    }
    return c;
}

static void drop(struct play_conn *c)
{
    client_close(c->client);
    c->client = NULL;
    c->pending = 0;
}

/* Raise what happened to the connection, which is then closed. [e] */
static int lose(lua_State *L, struct play_conn *c, const struct err *err)
{
    drop(c);
    play_push_error(L, err, true);
    return lua_error(L);
}

/* Raise a mistake of the script: the connection is as it was. [e] */
static int misuse(lua_State *L, const struct err *err)
{
    play_push_error(L, err, false);
    return lua_error(L);
}

/* conn:close(). [-0, +0, -] */
static int close_conn(lua_State *L)
{
    struct play_conn *c = luaL_checkudata(L, 1, PLAY_CONN);
    drop(c);
    return 0;
}

static int collect(lua_State *L)
{
    struct play_conn *c = luaL_checkudata(L, 1, PLAY_CONN);
    drop(c);
    play_words_close(&c->words);
    return 0;
}

static void queue_words(lua_State *L, struct play_conn *c)
{
    struct err err = {0};
    if (client_queue(c->client, play_words_slices(&c->words), c->words.count, &err) != 0)
        misuse(L, &err);
    c->pending++;
}

/* Gather the command at 2 and the arguments at 3. */
static void queue_command(lua_State *L, struct play_conn *c)
{
    struct err err = {0};
    if (play_gather(L, &c->words, 2, 3, &err) != 0)
        misuse(L, &err);
    queue_words(L, c);
}

/* The words of the sequence of texts at `index`. */
static void queue_exact(lua_State *L, struct play_conn *c, int index)
{
    struct err err = {0};
    luaL_checktype(L, index, LUA_TTABLE);
    play_words_clear(&c->words);
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        size_t len;
        lua_rawgeti(L, index, i);
        const char *word = lua_tolstring(L, -1, &len);
        if (word == NULL)
            err_set(&err, ERR_ARG, "word %d is no text", (int)i);
        else
            buf_append(&c->words.bytes, word, len);
        play_word_end(&c->words);
        lua_pop(L, 1);
    }
    if (err.code != 0)
        misuse(L, &err);
    queue_words(L, c);
}

static struct slice read_reply(lua_State *L, struct play_conn *c)
{
    struct err err = {0};
    struct slice reply;
    if (client_read(c->client, &reply, &err) != 0)
        lose(L, c, &err);
    if (c->pending > 0)
        c->pending--;
    return reply;
}

static void want_none_pending(lua_State *L, const struct play_conn *c)
{
    struct err err = {0};
    if (c->pending == 0)
        return;
    err_rule(&err, ERR_STATE, "connection.pending", NULL, "%d replies of conn:send are still to be read with conn:recv",
             c->pending);
    misuse(L, &err);
}

/* conn:call(command, args) → value, meta; raises the error table. [-0, +2, e] */
static int call(lua_State *L)
{
    struct play_conn *c = play_check_conn(L, 1);
    want_none_pending(L, c);
    queue_command(L, c);
    play_push_outcome(L, read_reply(L, c));
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        return lua_error(L);
    }
    lua_remove(L, -2);
    return 2;
}

/* conn:try(command, args) → value, nil, meta, or nil, error table. A lost connection is an error table too. [-0,
 * +3, v] */
static int try(lua_State *L)
{
    lua_settop(L, 3);
    lua_pushcfunction(L, call);
    lua_insert(L, 1);
    if (lua_pcall(L, 3, 2, 0) != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, 1);
        return 2;
    }
    lua_pushnil(L);
    lua_insert(L, 2);
    return 3;
}

/* conn:send(command, args): queued; conn:flush or the next read sends it. [-0, +0, e] */
static int send_command(lua_State *L)
{
    queue_command(L, play_check_conn(L, 1));
    return 0;
}

/* conn:queue{word, …}: as send, with exact words. [-0, +0, e] */
static int queue(lua_State *L)
{
    queue_exact(L, play_check_conn(L, 1), 2);
    return 0;
}

/* conn:words{word, …} → value, meta; raises the error table. [-0, +2, e] */
static int words(lua_State *L)
{
    struct play_conn *c = play_check_conn(L, 1);
    want_none_pending(L, c);
    queue_exact(L, c, 2);
    play_push_outcome(L, read_reply(L, c));
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        return lua_error(L);
    }
    lua_remove(L, -2);
    return 2;
}

/* conn:flush(). [-0, +0, e] */
static int flush(lua_State *L)
{
    struct play_conn *c = play_check_conn(L, 1);
    struct err err = {0};
    return client_flush(c->client, &err) == 0 ? 0 : lose(L, c, &err);
}

/* conn:recv() → value, nil, meta, or nil, error table. A lost connection is an error table too. [-0, +3, -] */
static int recv_reply(lua_State *L)
{
    struct play_conn *c = luaL_checkudata(L, 1, PLAY_CONN);
    struct err err = {0};
    struct slice reply;
    if (c->client == NULL)
        err_rule(&err, ERR_IO, "connection.closed", NULL, "the connection is closed");
    else
        client_read(c->client, &reply, &err);
    if (err.code != 0) {
        drop(c);
        lua_pushnil(L);
        play_push_error(L, &err, true);
        return 2;
    }
    if (c->pending > 0)
        c->pending--;
    play_push_outcome(L, reply);
    return 3;
}

/* conn:raw(bytes): inside TLS, as they are. [-0, +0, e] */
static int raw(lua_State *L)
{
    struct play_conn *c = play_check_conn(L, 1);
    struct slice bytes;
    struct err err = {0};
    bytes.data = luaL_checklstring(L, 2, &bytes.len);
    return client_raw(c->client, bytes, &err) == 0 ? 0 : lose(L, c, &err);
}

/* conn:read_raw() → the bytes of the next reply. [-0, +1, e] */
static int read_raw(lua_State *L)
{
    struct slice reply = read_reply(L, play_check_conn(L, 1));
    lua_pushlstring(L, reply.data, reply.len);
    return 1;
}

/* conn:half_close(): nothing more will be sent. [-0, +0, e] */
static int half_close(lua_State *L)
{
    struct play_conn *c = play_check_conn(L, 1);
    struct err err = {0};
    return client_half_close(c->client, &err) == 0 ? 0 : lose(L, c, &err);
}

/* conn:hello() → the server's fields. [-0, +1, e] */
static int hello(lua_State *L)
{
    play_push_reply(L, client_hello(play_check_conn(L, 1)->client));
    return 1;
}

/* The text of a field, `otherwise` when absent, NULL when it is false. It stays on the stack while it is used. */
static const char *field(lua_State *L, const char *name, const char *otherwise)
{
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1))
        return otherwise;
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        return NULL;
    const char *text = lua_tostring(L, -1);
    if (text == NULL)
        luaL_error(L, "muster.connect: %s is a string, not a %s", name, luaL_typename(L, -1));
    return text;
}

static int number(lua_State *L, const char *name, int otherwise)
{
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1))
        return otherwise;
    if (!lua_isinteger(L, -1))
        luaL_error(L, "muster.connect: %s is an integer, not a %s", name, luaL_typename(L, -1));
    return (int)lua_tointeger(L, -1);
}

static void read_options(lua_State *L, struct client_options *o)
{
    *o = connect_options(defaults);
    luaL_checkstack(L, 16, NULL);
    o->host = field(L, "host", o->host);
    o->port = number(L, "port", o->port);
    o->ca = field(L, "ca", o->ca);
    o->name = field(L, "name", NULL);
    o->timeout_ms = number(L, "timeout_ms", o->timeout_ms);
    o->proto = number(L, "proto", 3);
    const char *user = field(L, "user", NULL), *password = field(L, "password", NULL), *token = field(L, "token", NULL);
    if (user != NULL || token != NULL) { /* the command line's way of signing in is then not meant */
        o->user = user != NULL ? user : "";
        o->password = password != NULL ? password : token;
        o->cert = o->key = NULL;
        if (o->password == NULL)
            luaL_error(L, "muster.connect: user %s needs a password or a token", o->user);
    }
    const char *cert = field(L, "cert", o->cert), *key = field(L, "key", o->key);
    o->cert = cert;
    o->key = cert != NULL ? key : NULL;
}

/* muster.connect{…} → conn; raises the error table. [-0, +1, e] */
static int connect_tls(lua_State *L)
{
    struct client_options options;
    struct err err = {0};
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    read_options(L, &options);
    struct play_conn *c = lua_newuserdatauv(L, sizeof *c, 0);
    memset(c, 0, sizeof *c);
    luaL_setmetatable(L, PLAY_CONN);
    if (client_open(&options, &c->client, &err) != 0) {
        c->client = NULL;
        /* A refused sign-in is the server's answer; everything else means that there is no connection. */
        play_push_error(L, &err, err.code == ERR_IO || err.code == ERR_TIMEOUT || err.code == ERR_PROTO);
        return lua_error(L);
    }
    return 1;
}

void play_open_connections(lua_State *L, const struct connect *connect)
{
    static const luaL_Reg methods[] = {
        {"call", call},         {"try", try},
        {"send", send_command}, {"queue", queue},
        {"words", words},       {"flush", flush},
        {"raw", raw},           {"recv", recv_reply},
        {"read_raw", read_raw}, {"half_close", half_close},
        {"close", close_conn},  {"hello", hello},
        {"__gc", collect},      {"__close", close_conn},
        {NULL, NULL},
    };
    defaults = connect;
    luaL_newmetatable(L, PLAY_CONN);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, connect_tls);
    lua_setfield(L, -2, "connect");
}
