#include "cli/play.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket without TLS, to show a server bytes that no honest client sends. */

#define PLAY_TCP "muster.tcp"
#define CHUNK_BYTES 16384

struct tcp {
    int fd; /* -1 once closed */
};

static struct tcp *check(lua_State *L)
{
    struct tcp *t = luaL_checkudata(L, 1, PLAY_TCP);
    if (t->fd < 0)
        luaL_error(L, "the socket is closed");
    return t;
}

static int wait_for(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;
    do
        n = poll(&p, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n;
}

/* tcp:send_raw(bytes) → true, or nil and "closed" or "timeout". [-0, +2, v] */
static int send_raw(lua_State *L)
{
    struct tcp *t = check(L);
    size_t len;
    const char *bytes = luaL_checklstring(L, 2, &len);
    int timeout_ms = (int)luaL_optinteger(L, 3, 10000);
    while (len > 0) {
        ssize_t n = send(t->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return lua_pushnil(L), lua_pushliteral(L, "closed"), 2;
        if (n < 0 && wait_for(t->fd, POLLOUT, timeout_ms) == 0)
            return lua_pushnil(L), lua_pushliteral(L, "timeout"), 2;
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* tcp:read_raw([timeout_ms]) → the bytes that came, or nil and "closed" or "timeout". [-0, +2, v] */
static int read_raw(lua_State *L)
{
    struct tcp *t = check(L);
    char chunk[CHUNK_BYTES];
    int timeout_ms = (int)luaL_optinteger(L, 2, 10000);
    for (;;) {
        if (wait_for(t->fd, POLLIN, timeout_ms) == 0)
            return lua_pushnil(L), lua_pushliteral(L, "timeout"), 2;
        ssize_t n = recv(t->fd, chunk, sizeof chunk, 0);
        if (n > 0) {
            lua_pushlstring(L, chunk, (size_t)n);
            return 1;
        }
        if (n == 0 || (errno != EINTR && errno != EAGAIN))
            return lua_pushnil(L), lua_pushliteral(L, "closed"), 2;
    }
}

/* tcp:half_close(). [-0, +0, v] */
static int half_close(lua_State *L)
{
    shutdown(check(L)->fd, SHUT_WR);
    return 0;
}

/* tcp:close(). [-0, +0, v] */
static int close_tcp(lua_State *L)
{
    struct tcp *t = luaL_checkudata(L, 1, PLAY_TCP);
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    return 0;
}

/* muster.connect_tcp{host=, port=, timeout_ms=} → tcp; raises the error table. [-0, +1, e] */
static int connect_tcp(lua_State *L)
{
    const struct connect *defaults = lua_touserdata(L, lua_upvalueindex(1));
    struct err err = {0};
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "host");
    lua_getfield(L, 1, "port");
    lua_getfield(L, 1, "timeout_ms");
    const char *host = luaL_optstring(L, 2, defaults->host);
    int port = (int)luaL_optinteger(L, 3, defaults->port), timeout_ms = (int)luaL_optinteger(L, 4, 10000);
    struct tcp *t = lua_newuserdatauv(L, sizeof *t, 0);
    t->fd = -1;
    luaL_setmetatable(L, PLAY_TCP);
    t->fd = client_dial(host, port, timeout_ms, &err);
    if (t->fd < 0) {
        play_push_error(L, &err, true);
        return lua_error(L);
    }
    return 1;
}

void play_open_tcp(lua_State *L, const struct connect *connect)
{
    static const luaL_Reg methods[] = {
        {"send_raw", send_raw}, {"read_raw", read_raw}, {"half_close", half_close},
        {"close", close_tcp},   {"__gc", close_tcp},    {"__close", close_tcp},
        {NULL, NULL},
    };
    luaL_newmetatable(L, PLAY_TCP);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)(uintptr_t)connect);
    lua_pushcclosure(L, connect_tcp, 1);
    lua_setfield(L, -2, "connect_tcp");
}
