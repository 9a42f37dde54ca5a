/* Inside plugin/: pure commands of C plugins as functions for Lua. */
#ifndef MUSTER_PLUGIN_KIT_H
#define MUSTER_PLUGIN_KIT_H

#include "plugin/declare.h"
#include "script/call.h"

#include <lua.h>

/* The sandbox's `push_module`; `arg` is the package whose Lua runs. For its own name, and for those in its `requires`,
 * a table of the pure commands: `require "cnkit".name.check(text)`. False when there are none. [-0, +0|1, e] */
bool kit_push(lua_State *L, void *arg, const char *name);

/* The same for a plugin that is listened to: others are reached through the host even where they are here. */
bool kit_push_far(lua_State *L, void *arg, const char *name);

/* A process that holds one plugin alone knows what it requires by name only: it passes the arguments of a pure command
 * on under the names "1", "2", …. Here they get their own names, in `out` (as many as there are in `args`). 0, or
 * ERR_ARG when there are too many. */
int kit_name_args(const struct command *command, const struct named_arg *args, int nargs, struct named_arg *out,
                  struct err *err);

#endif
