/* Inside plugin/: pure commands of C plugins as functions for Lua. */
#ifndef MUSTER_PLUGIN_KIT_H
#define MUSTER_PLUGIN_KIT_H

#include <lua.h>
#include <stdbool.h>

/* The sandbox's `push_module`; `arg` is the package whose Lua runs. For its own name, and for those in its `requires`,
 * a table of the pure commands: `require "cnkit".name.check(text)`. False when there are none. [-0, +0|1, e] */
bool kit_push(lua_State *L, void *arg, const char *name);

#endif
