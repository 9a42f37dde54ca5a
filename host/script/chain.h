/* Expressions that are too much for Lua's compiler: how long the chains in a source are. Inside script/. */
#ifndef MUSTER_SCRIPT_CHAIN_H
#define MUSTER_SCRIPT_CHAIN_H

#include "base/buf.h"

#define CHAIN_MAX 200
#define CHOICES_MAX 1000

enum chain { CHAIN_FINE, CHAIN_LINKS, CHAIN_CHOICES };

/* Is there an expression with more than CHAIN_MAX links (a.b.c), or with more than CHOICES_MAX `and` and `or`? What the
 * compiler refuses (no Lua, or more than 200 brackets in one another) is looked at as far as that goes. */
enum chain chain_look(struct slice source);

#endif
