/* Inside plugin/: Lua values into replies, by the declared shape. */
#ifndef MUSTER_PLUGIN_OUTPUT_H
#define MUSTER_PLUGIN_OUTPUT_H

#include "plugin/declare.h"
#include "wire/reply.h"

#include <lua.h>

/* Write the value at `index` as `shape` says. Raises when it does not fit the shape; `out` then holds a part. [-0, +0,
 * e] */
void output_write(lua_State *L, int index, const struct shape *shape, struct reply *out);

#endif
