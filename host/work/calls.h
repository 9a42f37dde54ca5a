/* Running calls on one lane: what a request becomes before plugin code sees it, and what that code may ask of the
 * host. */
#ifndef MUSTER_WORK_CALLS_H
#define MUSTER_WORK_CALLS_H

#include "access/decide.h"
#include "plugin/args.h"
#include "plugin/runtime.h"
#include "work/lanes.h"
#include "work/run.h"

/* Room for one call's arguments; a lane has one for each depth of nesting and uses them again and again. */
struct frame {
    struct bound bound;
    struct buf text; /* words put together for a nested call */
    struct slice *words;
    int cap_words;
};

struct kept; /* text that must live until the request ends */

/* One lane's side of its calls; call->lane points here. Owned by the lane's thread. */
struct calls {
    struct store *store;
    struct registry *registry; /* the runtime's */
    struct runtime *runtime;
    struct lanes *lanes;
    const struct site *site; /* or NULL */
    int zone_min;
    const struct limit_row *limit_rows;
    int nlimit_rows;

    struct frame frames[CALL_DEPTH_MAX + 1];
    struct unit_ref *units; /* of the request being decided */
    int nunits, cap_units;
    struct buf paths, path;
    struct kept *kept;
    char fault[sizeof(((struct err *)0)->text)]; /* of the request: the last one looked at, see faults.h */

    /* access_version() before the transaction began: what is read in it may be as old as that */
    uint64_t version;
    /* of the request that runs */
    const struct identity *identity;
    const struct command *command; /* as this lane's generation declares it */
    /* users, roles, grants or units were changed since the transaction began */
    bool access_changed;
    /* the writer's: what was offered, and whether it is switched to when this transaction is committed */
    struct generation *offered;
    bool switching;
};

void calls_close(struct calls *c);

/* Who asks, as of this transaction; one that had to be read again is kept in run->fresh. */
int calls_identity(struct calls *c, struct run *run, const struct identity **out, struct err *err);
/* As much of the call as is known before the identity is. */
struct call calls_begin(const struct run *run, int index);
/* Make the request `index` of a run ready: find its command in this generation, bind its words, decide permission and
 * scope, check the right to set `at`. On success `call` and c->command are filled and frames[0].bound holds the arguments. On an error call->lang is set all the same.
 * Inside a read or batch. */
int calls_prepare(struct calls *c, const struct run *run, int index, const struct identity *id, struct call *call,
                  struct err *err);
/* Run what was prepared; its reply is appended to `out`. */
int calls_run(struct calls *c, const struct command *command, struct call *call, struct buf *out, struct err *err);
/* It failed, and what it did was undone: look at why, see faults.h. */
void calls_look_at(struct calls *c, struct call *call, const struct err *err);
/* The command's own limit in ms, or the default of its mode. */
int calls_timeout(const struct command *command);
/* Append the error reply, in the language of the call. */
void calls_refuse(const struct call *call, const struct err *err, struct buf *out);

/* Look the unit arguments of bound values up: fills c->units. 0 or an error of the store. */
int calls_find_units(struct calls *c, const struct arg *args, int nargs, const struct value *values, struct err *err);

/* A NUL-terminated copy that lives until the next request is prepared. */
struct slice calls_keep(struct calls *c, struct slice text);
void calls_forget(struct calls *c);

extern const struct call_ops calls_ops;
/* See struct call_ops. */
int calls_invoke(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                 struct err *err);
int calls_figure(struct call *call, struct slice name, const struct named_arg *args, int nargs, struct buf *reply,
                 struct err *err);

/* -- for the host's own commands -- */
static inline struct calls *calls_of(const struct call *call)
{
    return call->lane;
}
/* To be called by whoever changed users, roles, grants or units. */
static inline void call_access_changed(const struct call *call)
{
    calls_of(call)->access_changed = true;
}
/* The idempotency key of the client's request, or "". */
struct slice call_idem(const struct call *call);

#endif
