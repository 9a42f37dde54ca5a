/* Inside the tools: plugins loaded from their folders. */
#ifndef MUSTER_CLI_TOOL_PLUGINS_H
#define MUSTER_CLI_TOOL_PLUGINS_H

#include "plugin/registry.h"

#include <lua.h>

#define TOOL_PLUGINS "muster.plugins"
#define TOOL_FOLDERS_MAX 64
#define TOOL_PATH_BYTES 512

/* The userdata. */
struct tool_plugins {
    struct registry *registry;
    char *folders[TOOL_FOLDERS_MAX]; /* absolute */
    int nfolders;
    bool watching;
    struct store *scratch; /* NULL until it is asked for */
    char scratch_dir[TOOL_PATH_BYTES];
};

struct tool_plugins *tool_check_plugins(lua_State *L, int arg); /* [-0, +0, v] */
/* Make a folder on a memory file system, or else among the temporary ones. 0 or ERR_IO. */
int tool_temporary(char *out, size_t size, struct err *err);
/* p:declared() → everything they declare, and what the host does. [-0, +1, m] */
int tool_declared(lua_State *L);

/* p:host(folder) → a whole host with these plugins, its database in `folder`; nil and why not. [-0, +2, v] */
int tool_host(lua_State *L);
void tool_open_host(lua_State *L); /* its metatable; [-0, +0, m] */

#endif
