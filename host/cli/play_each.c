#include "cli/play.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* muster.each: many commands over several connections, each with up to `window` replies outstanding.
 *
 * Jobs with a lane go to the lane's connection (lanes take turns over the connections, in the order they first appear)
 * and keep their order there; the others go wherever there is room. All state is one userdata, so that an error raised
 * by on_reply leaks nothing; a lost connection raises its error, with the replies that came before it already told.
 *
 * Stack of the running call: 1 connections, 2 jobs, 3 options, 4 on_reply, 5 progress, 6 the state.
 */

#define WINDOW_DEFAULT 16
#define WINDOW_MAX 1024
#define CONNS_MAX 1024
#define STALL_MS 60000

enum { CONNS = 1, JOBS, OPTIONS, ON_REPLY, PROGRESS, STATE };

struct line { /* what one connection has to do */
    struct play_conn *conn;
    int first, last;       /* jobs waiting for it, linked by next[]; -1: none */
    int head, outstanding; /* ring of the jobs whose replies are awaited */
    int *ring;
};

struct each {
    int nconns, njobs, window, done;
    int first_free, last_free; /* jobs without lane */
    int *next;
    struct line *lines;
    struct pollfd *polls;
};

static struct each *new_state(lua_State *L, int nconns, int njobs, int window)
{
    size_t ints = (size_t)njobs + (size_t)nconns * (size_t)window;
    size_t size =
        sizeof(struct each) + (size_t)nconns * (sizeof(struct line) + sizeof(struct pollfd)) + ints * sizeof(int);
    struct each *e = lua_newuserdatauv(L, size, 0);
    memset(e, 0, size);
    *e = (struct each){.nconns = nconns, .njobs = njobs, .window = window, .first_free = -1, .last_free = -1};
    e->lines = (struct line *)(e + 1);
    e->polls = (struct pollfd *)(e->lines + nconns);
    e->next = (int *)(e->polls + nconns);
    for (int i = 0; i < nconns; i++) {
        lua_rawgeti(L, CONNS, i + 1);
        e->lines[i] = (struct line){.conn = play_check_conn(L, -1),
                                    .first = -1,
                                    .last = -1,
                                    .ring = e->next + njobs + (size_t)i * (size_t)window};
        lua_pop(L, 1);
    }
    return e;
}

static void append(struct each *e, int *first, int *last, int job)
{
    e->next[job] = -1;
    if (*last >= 0)
        e->next[*last] = job;
    else
        *first = job;
    *last = job;
}

/* Give every job its place. Lane names are looked up in a table made here. */
static void assign(lua_State *L, struct each *e)
{
    int lanes = 0;
    lua_newtable(L);
    for (int job = 0; job < e->njobs; job++) {
        if (lua_rawgeti(L, JOBS, job + 1) != LUA_TTABLE)
            luaL_error(L, "muster.each: job %d is no table", job + 1);
        if (lua_getfield(L, -1, "lane") == LUA_TNIL) {
            append(e, &e->first_free, &e->last_free, job);
            lua_pop(L, 2);
            continue;
        }
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -4) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            lua_pushinteger(L, lanes++ % e->nconns);
            lua_rawset(L, -5);
            lua_pushinteger(L, (lanes - 1) % e->nconns);
        }
        struct line *line = &e->lines[lua_tointeger(L, -1)];
        append(e, &line->first, &line->last, job);
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
}

/* Queue one job on this connection. False when there is none for it, or no room. */
static bool feed(lua_State *L, struct each *e, struct line *line)
{
    struct err err = {0};
    int *first = line->first >= 0 ? &line->first : &e->first_free;
    int *last = line->first >= 0 ? &line->last : &e->last_free;
    int job = *first;
    if (job < 0 || line->outstanding == e->window)
        return false;
    *first = e->next[job];
    if (*first < 0)
        *last = -1;
    lua_rawgeti(L, JOBS, job + 1);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    int top = lua_gettop(L);
    struct play_words *words = &line->conn->words;
    if (play_gather(L, words, top - 1, top, &err) != 0)
        luaL_error(L, "muster.each: job %d: %s", job + 1, err.text);
    client_queue(line->conn->client, play_words_slices(words), words->count, &err);
    lua_pop(L, 3);
    line->ring[(line->head + line->outstanding++) % e->window] = job;
    line->conn->pending++;
    return true;
}

/* The connection failed: close it and raise why. [e] */
static int lose(lua_State *L, struct play_conn *c, const struct err *err)
{
    client_close(c->client);
    c->client = NULL;
    c->pending = 0;
    play_push_error(L, err, true);
    return lua_error(L);
}

static void tell(lua_State *L, int job, struct slice reply)
{
    if (!lua_isnil(L, ON_REPLY)) {
        lua_pushvalue(L, ON_REPLY);
        lua_pushinteger(L, job + 1);
        play_push_outcome(L, reply);
        lua_call(L, 4, 0);
    }
    if (!lua_isnil(L, PROGRESS)) {
        lua_getfield(L, PROGRESS, "add");
        lua_pushvalue(L, PROGRESS);
        lua_pushinteger(L, 1);
        lua_call(L, 2, 0);
    }
}

/* Move bytes and hand out the replies that are there. How many. */
static int work(lua_State *L, struct each *e, struct line *line)
{
    struct err err = {0};
    struct slice reply;
    int count = 0, rv = client_pump(line->conn->client, &err);
    while (rv >= 0 && line->outstanding > 0 && (rv = client_take(line->conn->client, &reply, &err)) > 0) {
        int job = line->ring[line->head];
        line->head = (line->head + 1) % e->window;
        line->outstanding--;
        line->conn->pending--;
        e->done++;
        count++;
        tell(L, job, reply);
        if (line->conn->client == NULL)
            luaL_error(L, "muster.each: on_reply closed a connection that is in use");
    }
    if (rv < 0)
        lose(L, line->conn, &err);
    return count;
}

/* Wait until a connection can go on. */
static void wait(lua_State *L, struct each *e)
{
    for (int i = 0; i < e->nconns; i++) {
        struct line *line = &e->lines[i];
        bool writes = client_wants_write(line->conn->client);
        e->polls[i] = (struct pollfd){.fd = line->outstanding > 0 ? client_fd(line->conn->client) : -1,
                                      .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
    }
    int n = poll(e->polls, (nfds_t)e->nconns, STALL_MS);
    if (n == 0)
        luaL_error(L, "muster.each: no reply for %d seconds", STALL_MS / 1000);
    if (n < 0 && errno != EINTR)
        luaL_error(L, "muster.each: poll: %s", strerror(errno));
}

static void run(lua_State *L, struct each *e)
{
    while (e->done < e->njobs) {
        bool fed = true;
        while (fed) { /* one job to each in turn: few jobs spread over all connections */
            fed = false;
            for (int i = 0; i < e->nconns; i++)
                fed |= feed(L, e, &e->lines[i]);
        }
        int moved = 0;
        for (int i = 0; i < e->nconns; i++)
            if (e->lines[i].outstanding > 0)
                moved += work(L, e, &e->lines[i]);
        if (moved == 0)
            wait(L, e);
    }
}

/* muster.each(conns, jobs, {window=, on_reply=, progress=}) → number of replies; raises what a connection died of.
 * [-0, +1, e] */
static int each(lua_State *L)
{
    lua_settop(L, 3);
    luaL_checktype(L, CONNS, LUA_TTABLE);
    luaL_checktype(L, JOBS, LUA_TTABLE);
    if (lua_isnil(L, OPTIONS)) {
        lua_newtable(L);
        lua_replace(L, OPTIONS);
    }
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_Integer nconns = (lua_Integer)lua_rawlen(L, CONNS), njobs = (lua_Integer)lua_rawlen(L, JOBS);
    lua_getfield(L, OPTIONS, "window");
    lua_Integer window = luaL_optinteger(L, -1, WINDOW_DEFAULT);
    lua_pop(L, 1);
    luaL_argcheck(L, nconns >= 1 && nconns <= CONNS_MAX, CONNS, "1 to 1024 connections");
    luaL_argcheck(L, njobs <= 100000000, JOBS, "too many jobs");
    luaL_argcheck(L, window >= 1 && window <= WINDOW_MAX, OPTIONS, "window is 1 to 1024");
    lua_getfield(L, OPTIONS, "on_reply");
    lua_getfield(L, OPTIONS, "progress");
    struct each *e = new_state(L, (int)nconns, (int)njobs, (int)window);
    for (int i = 0; i < e->nconns; i++)
        if (e->lines[i].conn->pending > 0)
            return luaL_error(L, "muster.each: connection %d still has replies of conn:send to be read", i + 1);
    assign(L, e);
    run(L, e);
    lua_pushinteger(L, e->done);
    return 1;
}

void play_open_each(lua_State *L)
{
    lua_pushcfunction(L, each);
    lua_setfield(L, -2, "each");
}
