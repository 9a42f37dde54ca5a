/* Inside plugin/: a lane's plugins as they run, one Lua state or one process for each. */
#ifndef MUSTER_PLUGIN_STATES_H
#define MUSTER_PLUGIN_STATES_H

#include "plugin/catalog.h"
#include "plugin/runtime.h"
#include "script/sandbox.h"

struct state {
    const struct package *package;
    struct sandbox *sb;   /* NULL: to be built */
    struct child *child;  /* of a plugin that runs in a process of its own, instead of the others */
    int *runs, *computes; /* references by slot */
    bool far;             /* reach other plugins through the host alone: it is listened to */
};

struct runtime {
    struct registry *registry;
    struct runtime_limits limits;
    struct store *store;
    struct watch *watch;
    struct state *states; /* by package index */
    int nstates;
};

/* Build the Lua state: load init.lua and keep the functions by slot. Without one (all of it is C) nothing is built. 0, or what
 * loading it failed with. */
int state_build(struct runtime *rt, struct state *state, struct err *err);
/* Throw it away; the next call builds another. */
void state_drop(struct state *state);
/* The state of a package, built if need be; NULL: `err` says why not. */
struct state *state_of(struct runtime *rt, const struct package *package, struct err *err);

#endif
