#include "cli/play.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A bar on a terminal, redrawn at most ten times a second; elsewhere (a log, a build server) a line at every tenth. */

#define PROGRESS "muster.progress"
#define TITLE_BYTES 80
#define REDRAW_NS 100000000L

struct progress {
    char title[TITLE_BYTES];
    int64_t total, count;
    int tenth; /* last one told in plain lines */
    bool terminal, over;
    struct timespec drawn;
};

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw(struct progress *p)
{
    int percent = p->total > 0 ? (int)(p->count * 100 / p->total) : 100;
    int title = (int)utf8_width(slice_of(p->title)), room = columns() - title - 34;
    room = room > 40 ? 40 : room < 0 ? 0 : room;
    int full = room * percent / 100;
    fprintf(stderr, "\r%s [", p->title);
    for (int i = 0; i < room; i++)
        fputc(i < full ? '#' : '.', stderr);
    fprintf(stderr, "] %3d %%  %lld/%lld\033[K", percent, (long long)p->count, (long long)p->total);
    fflush(stderr);
    clock_gettime(CLOCK_MONOTONIC, &p->drawn);
}

static void tell(struct progress *p)
{
    int tenth = p->total > 0 ? (int)(p->count * 10 / p->total) : 10;
    if (tenth <= p->tenth)
        return;
    p->tenth = tenth;
    fprintf(stderr, "%s: %d %% (%lld of %lld)\n", p->title, tenth * 10, (long long)p->count, (long long)p->total);
}

static bool due(const struct progress *p)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - p->drawn.tv_sec) * 1000000000L + now.tv_nsec - p->drawn.tv_nsec >= REDRAW_NS;
}

/* progress:add([n]). [-0, +0, v] */
static int add(lua_State *L)
{
    struct progress *p = luaL_checkudata(L, 1, PROGRESS);
    p->count += luaL_optinteger(L, 2, 1);
    if (p->count > p->total)
        p->count = p->total;
    if (!p->terminal)
        tell(p);
    else if (due(p))
        draw(p);
    return 0;
}

/* progress:done(): the last state stays on the screen. [-0, +0, v] */
static int done(lua_State *L)
{
    struct progress *p = luaL_checkudata(L, 1, PROGRESS);
    if (p->over)
        return 0;
    p->over = true;
    if (p->terminal) {
        draw(p);
        fputc('\n', stderr);
    } else if (p->count == p->total) {
        tell(p);
    }
    return 0;
}

/* muster.progress(title, total) → progress. [-0, +1, v] */
static int new_progress(lua_State *L)
{
    size_t len;
    const char *title = luaL_checklstring(L, 1, &len);
    lua_Integer total = luaL_checkinteger(L, 2);
    luaL_argcheck(L, total >= 0, 2, "the total is not negative");
    struct progress *p = lua_newuserdatauv(L, sizeof *p, 0);
    *p = (struct progress){.total = total, .terminal = isatty(STDERR_FILENO)};
    len = utf8_cut((struct slice){title, len}, TITLE_BYTES - 1);
    memcpy(p->title, title, len);
    luaL_setmetatable(L, PROGRESS);
    return 1;
}

void play_open_progress(lua_State *L)
{
    static const luaL_Reg methods[] = {{"add", add}, {"done", done}, {NULL, NULL}};
    luaL_newmetatable(L, PROGRESS);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_pushcfunction(L, new_progress);
    lua_setfield(L, -2, "progress");
}
