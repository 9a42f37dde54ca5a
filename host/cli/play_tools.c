#include "cli/play.h"
#include "cli/table.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "wire/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* muster.sleep(ms). [-0, +0, v] */
static int sleep_ms(lua_State *L)
{
    lua_Integer ms = luaL_checkinteger(L, 1);
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
    return 0;
}

/* muster.now() → ms UTC. [-0, +1, -] */
static int now(lua_State *L)
{
    lua_pushinteger(L, clock_now_ms());
    return 1;
}

/* muster.clock() → seconds of a clock that never jumps, as a float: for durations. [-0, +1, -] */
static int monotonic(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_mono_ns() / 1e9);
    return 1;
}

/* muster.width(text) → terminal columns. [-0, +1, v] */
static int width(lua_State *L)
{
    struct slice text;
    text.data = luaL_checklstring(L, 1, &text.len);
    lua_pushinteger(L, (lua_Integer)utf8_width(text));
    return 1;
}

/* muster.split(line) → {word, …} by the rules of plain lines, or nil and why not. [-0, +2, v] */
static int split(lua_State *L)
{
    struct slice line;
    struct message m = {0};
    struct err err = {0};
    line.data = luaL_checklstring(L, 1, &line.len);
    if (line_split(line, &m, &err) != 0) {
        message_close(&m);
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }
    lua_createtable(L, m.nargs, 0);
    for (int i = 0; i < m.nargs; i++) {
        lua_pushlstring(L, m.args[i].data, m.args[i].len);
        lua_rawseti(L, -2, i + 1);
    }
    message_close(&m);
    return 1;
}

/* muster.read_file(path) → content; raises why not. [-0, +1, e] */
static int read_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    luaL_Buffer b;
    size_t n;
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return luaL_error(L, "%s: %s", path, strerror(errno));
    luaL_buffinit(L, &b);
    while ((n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f)) > 0)
        luaL_addsize(&b, n);
    int failed = ferror(f) ? errno : 0;
    fclose(f);
    luaL_pushresult(&b);
    return failed == 0 ? 1 : luaL_error(L, "%s: %s", path, strerror(failed));
}

/* muster.exit([status]): ends the program, closing the connections first. Does not return. [e] */
static int leave(lua_State *L)
{
    int status = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? 0 : 1) : (int)luaL_optinteger(L, 1, 0);
    fflush(NULL);
    lua_close(L);
    exit(status);
}

/* Push the text of one cell. Whether it is a number. [-0, +1, e] */
static bool push_cell(lua_State *L, int row, int column)
{
    lua_rawgeti(L, row, column);
    bool number = lua_type(L, -1) == LUA_TNUMBER;
    if (lua_isnil(L, -1) || play_is_null(L, -1))
        lua_pushliteral(L, "");
    else
        luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    return number;
}

/* All cells as texts first, in a Lua table; what may raise is done before the C table exists. */
static int flatten(lua_State *L, int columns, int rows)
{
    int count = 0;
    lua_newtable(L);
    int flat = lua_gettop(L), ncolumns = (int)lua_rawlen(L, columns), nrows = (int)lua_rawlen(L, rows);
    for (int c = 1; c <= ncolumns; c++) {
        push_cell(L, columns, c);
        lua_rawseti(L, flat, ++count);
    }
    for (int r = 1; r <= nrows; r++) {
        lua_rawgeti(L, rows, r);
        luaL_checktype(L, -1, LUA_TTABLE);
        int row = lua_gettop(L);
        for (int c = 1; c <= ncolumns; c++) {
            bool number = push_cell(L, row, c);
            lua_rawseti(L, flat, ++count);
            lua_pushboolean(L, number);
            lua_rawseti(L, flat, -count);
        }
        lua_pop(L, 1);
    }
    return count;
}

/* muster.print_table(columns, rows): columns an array of headings, rows an array of arrays. [-0, +0, e] */
static int print_table(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    int count = flatten(L, 1, 2);
    struct table t = {.columns = (int)lua_rawlen(L, 1)};
    struct buf out = {0};
    for (int i = 1; i <= count; i++) {
        struct slice text;
        lua_rawgeti(L, 3, i);
        lua_rawgeti(L, 3, -i);
        text.data = lua_tolstring(L, -2, &text.len);
        table_add(&t, text, lua_toboolean(L, -1));
        lua_pop(L, 2);
    }
    table_write(&t, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    table_close(&t);
    buf_close(&out);
    return 0;
}

void play_open_tools(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sleep", sleep_ms},
        {"now", now},
        {"clock", monotonic},
        {"width", width},
        {"split", split},
        {"read_file", read_file},
        {"print_table", print_table},
        {"exit", leave},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
