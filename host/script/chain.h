/* How long the chains of a.b.c in a Lua source are. Inside script/. */
#ifndef MUSTER_SCRIPT_CHAIN_H
#define MUSTER_SCRIPT_CHAIN_H

#include "base/buf.h"

#define CHAIN_MAX 200

/* Is there an expression with more than CHAIN_MAX links? What the compiler refuses (no Lua, or more than 200 brackets in
 * one another) is looked at as far as that goes. */
bool chain_is_long(struct slice source);

#endif
