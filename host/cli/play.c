#include "cli/play.h"
#include "cli/cli.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `muster play FILE.lua`: the script runs here, on the user's machine, with all of Lua's libraries; the global
 * `muster` connects it to the server. `require` looks beside the script first.
 */

static const char manual[] =
    "Usage: muster play FILE.lua [OPTIONS] [-- ARGUMENT…]\n\n"
    "Runs a Lua script on this machine. Its global `muster` connects to the server:\n\n"
    "  local conn = muster.connect()      -- as the options say; {user=, password=, token=, cert=, …} override\n"
    "  local value, meta = conn:call(\"echo.say\", {\"hello\"})       -- raises {code=, rule=, text=, …}\n"
    "  local value, err = conn:try(\"fund.give\", {fund = \"DUES\", amount_fen = 100})\n"
    "  conn:send(command, args); conn:flush(); conn:recv()         -- pipelining\n"
    "  muster.each(conns, {{command, args, lane = \"x\"}, …}, {window = 16, on_reply = f, progress = p})\n"
    "  muster.progress(title, total)  muster.print_table(columns, rows)  muster.json  muster.args  muster.options\n"
    "  muster.read_file  muster.sleep(ms)  muster.now()  muster.exit(status)  muster.null\n\n" CONNECT_MANUAL
    "\nExit status: the script's own (muster.exit), 1 after an error in it, or that of a command it did not catch.\n";

/* Turn whatever was raised into {message with traceback, exit status}. [-1, +1, m] */
static int explain(lua_State *L)
{
    lua_Integer status = 1;
    if (lua_istable(L, 1) && lua_getfield(L, 1, "status") == LUA_TNUMBER)
        status = lua_tointeger(L, -1);
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, status);
    lua_rawseti(L, -2, 2);
    return 1;
}

static void set_path(lua_State *L, const char *script)
{
    const char *slash = strrchr(script, '/');
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    const char *path = lua_tostring(L, -1);
    if (slash != NULL)
        lua_pushlstring(L, script, slash == script ? 1 : (size_t)(slash - script));
    else
        lua_pushliteral(L, ".");
    const char *dir = lua_tostring(L, -1);
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", dir, dir, path != NULL ? path : "");
    lua_setfield(L, -4, "path");
    lua_pop(L, 3);
}

static void set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void set_options(lua_State *L, const struct connect *c)
{
    lua_newtable(L);
    set_text(L, "host", c->host);
    set_text(L, "data", c->data);
    set_text(L, "ca", c->ca);
    set_text(L, "cert", c->cert);
    set_text(L, "key", c->key);
    set_text(L, "user", c->user);
    lua_pushinteger(L, c->port);
    lua_setfield(L, -2, "port");
    lua_setfield(L, -2, "options");
}

static int null_tostring(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

static void set_null(lua_State *L)
{
    play_push_null(L);
    lua_createtable(L, 0, 1); /* shared by all light userdata; there is no other */
    lua_pushcfunction(L, null_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "null");
}

static void set_args(lua_State *L, const char *script, char **args, int count)
{
    lua_createtable(L, count, 1);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, args[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushstring(L, script);
    lua_rawseti(L, -2, 0);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "arg");
    lua_setfield(L, -2, "args");
}

struct play {
    struct connect connect;
    const char *script;
    char **args;
    int nargs;
};

/* Prepare the state and run the script. Its argument is the struct play. [e] */
static int run_script(lua_State *L)
{
    struct play *play = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_newtable(L);
    play_open_connections(L, &play->connect);
    play_open_tcp(L, &play->connect);
    play_open_each(L);
    play_open_progress(L);
    play_open_tools(L);
    play_open_json(L);
    set_null(L);
    set_options(L, &play->connect);
    set_args(L, play->script, play->args, play->nargs);
    lua_setglobal(L, "muster");
    set_path(L, play->script);
    if (luaL_loadfile(L, play->script) != LUA_OK)
        return lua_error(L);
    luaL_checkstack(L, play->nargs + 1, "too many arguments");
    for (int i = 0; i < play->nargs; i++)
        lua_pushstring(L, play->args[i]);
    lua_call(L, play->nargs, 0);
    return 0;
}

static int run(struct play *play)
{
    int status = 0;
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return cli_misuse("play", "no memory");
    lua_pushcfunction(L, explain);
    lua_pushcfunction(L, run_script);
    lua_pushlightuserdata(L, play);
    if (lua_pcall(L, 1, 0, 1) != LUA_OK) {
        status = 1;
        if (lua_istable(L, -1)) {
            lua_rawgeti(L, -1, 2);
            lua_rawgeti(L, -2, 1);
            status = (int)lua_tointeger(L, -2);
        }
        const char *text = lua_tostring(L, -1);
        fprintf(stderr, "muster play: %s\n", text != NULL ? text : "out of memory");
    }
    fflush(stdout);
    lua_close(L);
    return status;
}

/* -1: go on; otherwise the exit status. */
static int parse(struct play *play, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {CONNECT_LONG_OPTIONS, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = connect_option(&play->connect, c, optarg, err);
        if (rv < 0)
            return cli_misuse("play", "%s", err->text);
        if (rv > 0)
            continue;
        switch (c) {
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("play", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("play", "unknown option %s (the script's own come after --)", argv[optind - 1]);
        }
    }
    if (optind == argc)
        return cli_misuse("play", "which script?");
    play->script = argv[optind];
    play->args = argv + optind + 1;
    play->nargs = argc - optind - 1;
    return -1;
}

int cli_play(int argc, char **argv)
{
    static struct play play; /* not on the stack: muster.exit leaves from inside */
    struct err err = {0};
    int status = parse(&play, argc, argv, &err);
    if (status < 0)
        status = connect_settle(&play.connect, &err) == 0 ? run(&play) : cli_fail("play", &err);
    connect_close(&play.connect);
    return status;
}
