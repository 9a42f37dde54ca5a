#include "cli/tool.h"

#include "base/log.h"
#include "cli/beside.h"
#include "cli/cli.h"
#include "cli/play.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tool ends by muster.exit(status), by returning (0), or by an error, which is a fault of the tool and shows its
 * traceback. */

enum { PATH_BYTES = BESIDE_PATH_BYTES + 200 };

const char *tool_share(void)
{
    static char share[BESIDE_PATH_BYTES]; /* tools run in one thread */
    return share[0] ? share : beside_share_dir(share);
}

struct tool {
    const char *name;
    char path[PATH_BYTES];
    int argc;
    char **argv;
};

static int trace(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static void set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static int run(lua_State *L)
{
    const struct tool *tool = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_newtable(L);
    play_open_tools(L);
    play_open_json(L);
    tool_open_files(L);
    tool_open_plugins(L);
    tool_open_apart(L);
    play_push_null(L);
    lua_setfield(L, -2, "null");
    set_text(L, "share", tool_share());
    set_text(L, "name", tool->name);
    lua_createtable(L, tool->argc, 0);
    for (int i = 1; i < tool->argc; i++) {
        lua_pushstring(L, tool->argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "args");
    lua_setglobal(L, "muster");
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/api/tools/?.lua", tool_share());
    lua_setfield(L, -2, "path");
    if (luaL_loadfile(L, tool->path) != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

int tool_run(const char *name, int argc, char **argv)
{
    static struct tool tool; /* not on the stack: muster.exit leaves from inside */
    const char *word = strrchr(name, ' ');
    int status = 0;
    log_set_level(LOG_ERROR + 1); /* the tool says what it has to say */
    tool = (struct tool){.name = name, .argc = argc, .argv = argv};
    snprintf(tool.path, sizeof tool.path, "%s/api/tools/%s.lua", tool_share(), word ? word + 1 : name);
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    lua_pushcfunction(L, trace);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &tool);
    if (lua_pcall(L, 1, 0, 1) != LUA_OK) {
        fprintf(stderr, "muster %s: %s\n", name, lua_tostring(L, -1));
        status = 1;
    }
    fflush(stdout);
    lua_close(L);
    return status;
}
