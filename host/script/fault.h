/* What Lua raises, as the one struct that explains a refusal, and the way back. */
#ifndef MUSTER_SCRIPT_FAULT_H
#define MUSTER_SCRIPT_FAULT_H

#include "script/sandbox.h"

/* Raise a refusal: a value with code, rule, arg, state, allowed and text, which pcall can catch. Does not return. [-0,
 * +0, v] */
int fault_raise(lua_State *L, const struct err *err);
/* Is the value a refusal? Its err, or NULL. [-0, +0, -] */
const struct err *fault_at(lua_State *L, int index);
/* Make the metatable of refusals. [-0, +0, m] */
void fault_open(lua_State *L);
/* What the store refused to a plugin: a wrong statement (ARG, POLICY) is the plugin's fault, not its client's, and
 * becomes INTERNAL with the same rule. `place` is where it stands, "init.lua:12: ". Returns the code. */
int fault_of_sql(struct err *err, const char *plugin, const char *place);
/* The message handler of sandbox_run: logs the traceback of a fault and leaves the value. */
int fault_trace(lua_State *L);
/* Fill `err` from the value on top of the stack (status of lua_pcall), or from the state's kill. Returns the code. [-0,
 * +0, -] */
int fault_take(struct sandbox *sb, lua_State *L, int status, const struct frame *frame, struct err *err);

#endif
