#include "cli/play.h"
#include "cli/tool.h"
#include "cli/tool_plugins.h"

#include "ops/embed.h"
#include "wire/reply.h"

#include <stdio.h>
#include <string.h>

/* A host inside the tool: what tests of plugins talk to. Every Lua state is rebuilt after each command, so that nothing
 * can be remembered outside the database. */

#define TOOL_HOST "muster.host"
#define TOOL_USER "muster.user"

enum { WORDS_MAX = 1100, WAIT_MS = 1000, ZONE_MIN = 480 };

struct tool_host {
    struct embed *embed;
    struct buf reply;
};

static struct tool_host *check_host(lua_State *L)
{
    struct tool_host *h = luaL_checkudata(L, 1, TOOL_HOST);
    luaL_argcheck(L, h->embed != NULL, 1, "it is closed");
    return h;
}

int tool_host(lua_State *L)
{
    struct tool_plugins *p = tool_check_plugins(L, 1);
    const char *folder = luaL_checkstring(L, 2);
    char path[TOOL_PATH_BYTES + 16];
    struct err err = {0};
    struct tool_host *h = lua_newuserdatauv(L, sizeof *h, 0);
    memset(h, 0, sizeof *h);
    luaL_setmetatable(L, TOOL_HOST);
    luaL_argcheck(L, snprintf(path, sizeof path, "%s/muster.db", folder) < (int)sizeof path, 2, "too long");
    const struct lanes_options options = {
        .db_path = path,
        .registry = p->registry,
        .readers = 1,
        .zone_min = ZONE_MIN,
        .limits = {.amnesia = true},
        .scratch = true,
    };
    if (embed_open(&options, &h->embed, &err) == 0)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

static int close_host(lua_State *L)
{
    struct tool_host *h = luaL_checkudata(L, 1, TOOL_HOST);
    embed_close(h->embed);
    h->embed = NULL;
    buf_close(&h->reply);
    return 0;
}

static int drop_user(lua_State *L)
{
    struct identity **user = luaL_checkudata(L, 1, TOOL_USER);
    identity_unref(*user);
    *user = NULL;
    return 0;
}

/* -- signing in -- */

/* The token's owner, as a client's AUTH has it. */
static struct identity *sign_in(struct tool_host *h, const struct slice words[2], struct err *err)
{
    struct run *run = run_new(RUN_PASSWORD, MODE_READ, embed_registry(h->embed), NULL), *back;
    struct identity *user = NULL;
    run_add(run, NULL, words, 2);
    if (lanes_put(embed_lanes(h->embed), run) != 0) {
        err_set(err, ERR_BUSY, "the host is stopping");
    } else {
        while (!lanes_wait(embed_lanes(h->embed), WAIT_MS))
            ;
        lanes_take(embed_lanes(h->embed), &back, 1);
        *err = run->err;
        user = run->fresh ? identity_ref(run->fresh) : NULL;
    }
    run_free(run);
    return user;
}

/* host:sign_in(user, token) → user object, or nil and why not. [-0, +2, v] */
static int push_user(lua_State *L)
{
    struct tool_host *h = check_host(L);
    struct slice words[2];
    struct err err = {0};
    words[0].data = luaL_checklstring(L, 2, &words[0].len);
    words[1].data = luaL_checklstring(L, 3, &words[1].len);
    struct identity **user = lua_newuserdatauv(L, sizeof *user, 0);
    *user = NULL;
    luaL_setmetatable(L, TOOL_USER);
    *user = sign_in(h, words, &err);
    if (*user)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

/* -- calling -- */

static int take_words(lua_State *L, int index, struct slice words[WORDS_MAX])
{
    luaL_checktype(L, index, LUA_TTABLE);
    int count = (int)lua_rawlen(L, index);
    luaL_argcheck(L, count > 0 && count <= WORDS_MAX, index, "no words, or too many");
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, index, i + 1); /* the table keeps it */
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, index, "a word is a string");
        words[i].data = lua_tolstring(L, -1, &words[i].len);
        lua_pop(L, 1);
    }
    return count;
}

/* host:call({word, …}, now_ms, user) → value, nil, meta, or nil, error table; without `user` as the host itself, which may
 * do everything. [-0, +3, v] */
static int call(lua_State *L)
{
    struct tool_host *h = check_host(L);
    struct slice words[WORDS_MAX];
    struct err err = {0};
    int count = take_words(L, 2, words);
    int64_t now_ms = luaL_checkinteger(L, 3);
    struct identity **user = lua_isnoneornil(L, 4) ? NULL : luaL_checkudata(L, 4, TOOL_USER);
    struct identity *who = user ? identity_ref(*user) : identity_host();
    buf_clear(&h->reply);
    if (embed_call(h->embed, who, NULL, now_ms, words, count, &h->reply, &err) != 0) {
        if (err.code == ERR_NOTFOUND) /* as a client is told */
            err.code = ERR_NOCOMMAND;
        buf_clear(&h->reply);
        reply_error(&h->reply, &err);
    }
    identity_unref(who);
    play_push_outcome(L, buf_view(&h->reply));
    return 3;
}

/* host:replayed() → how many writes were answered from memory. [-0, +1, v] */
static int replayed(lua_State *L)
{
    struct lanes_stats stats;
    lanes_stats(embed_lanes(check_host(L)->embed), &stats);
    lua_pushinteger(L, stats.replayed);
    return 1;
}

static void make_class(lua_State *L, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void tool_open_host(lua_State *L)
{
    static const luaL_Reg host[] = {
        {"call", call},        {"sign_in", push_user}, {"replayed", replayed},
        {"close", close_host}, {"__gc", close_host},   {NULL, NULL},
    };
    static const luaL_Reg user[] = {{"__gc", drop_user}, {NULL, NULL}};
    make_class(L, TOOL_HOST, host);
    make_class(L, TOOL_USER, user);
}
