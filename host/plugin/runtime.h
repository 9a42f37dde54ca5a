/* One lane's running plugins: a Lua state per plugin, and the way into native commands. Owned by the lane's thread. */
#ifndef MUSTER_PLUGIN_RUNTIME_H
#define MUSTER_PLUGIN_RUNTIME_H

#include "plugin/registry.h"
#include "script/call.h"
#include "wire/reply.h"

struct runtime;

struct runtime_limits {
    size_t soft_bytes;  /* memory of one Lua state; 0: 32 MiB */
    int grace_ms;       /* how long past its deadline a script may go on before the process ends itself; 0: 2000 */
    size_t reply_bytes; /* of one reply; 0: 8 MiB */
    bool suspend;       /* refuse a command for ten minutes once its limits stopped it three times within ten */
    bool amnesia;       /* rebuild the state after every command: tests */
    bool bare;          /* without the sandbox: to measure what it costs, see struct sandbox_options */
};

/* Build the states (each loads its plugin and is checked against the registry's declarations). Takes a reference of the
 * registry. Any thread: the states move to their lane with runtime_attach. */
int runtime_new(struct registry *registry, const struct runtime_limits *limits, struct runtime **out, struct err *err);
/* Before the first run, on the lane's own thread: the watchdog will signal this thread, and interrupt `store` (may be
 * NULL) when a deadline passes. 0 or ERR_BUSY. */
int runtime_attach(struct runtime *rt, struct store *store, struct err *err);
/* Instead of runtime_attach, between two runs of the lane: go on in the place of `old`, which has run its last and is only
 * to be freed, on any thread. Never fails. */
void runtime_succeed(struct runtime *rt, struct runtime *old);
void runtime_free(struct runtime *rt);                       /* NULL is fine; the lane's thread while it is attached */
struct registry *runtime_registry(const struct runtime *rt); /* no reference */

/* Run one command with bound values: writes one whole canonical reply to the end of `out`. `call` is filled but for
 * plugin, command and deadline_ns, which are set here (never later than an outer call's deadline). On an error `out` is
 * as before and `err` says why: what the plugin refused, ERR_TIMEOUT (rule "limit.time"), ERR_LIMIT (rule
 * "limit.memory" or "limit.stack"), ERR_INTERNAL (a fault of the plugin: file and line in the text). A state that was
 * stopped is thrown away and rebuilt. */
int runtime_run(struct runtime *rt, const struct command *command, struct call *call, const struct value *args,
                int timeout_ms, struct buf *out, struct err *err);

struct figure_query {
    const char *unit;      /* code, or NULL */
    const char *scope;     /* path */
    const char *from, *to; /* days, or NULL */
    int64_t as_of_ms;
};
/* Compute one figure: appends {name, value, unit, complete, numerator, denominator, basis, as_of}. Errors as
 * runtime_run. */
int runtime_figure(struct runtime *rt, const struct figure *figure, struct call *call, const struct figure_query *query,
                   const struct value *args, struct buf *out, struct err *err);

struct remote_task;
/* Run once more what has just failed, and listen to it (plugin/remote.h): what it asks goes as messages, and
 * task->heard is told of each. A script gets a state of its own. It is not counted. The caller has undone the first
 * run, and undoes this one. The result is as that of runtime_run. */
int runtime_listen(struct runtime *rt, const struct remote_task *task, struct buf *out, struct err *err);

/* The watchdog thread, one for the process; start it before the first runtime. */
int watchdog_start(struct err *err);
void watchdog_stop(void); /* after the last runtime_free */

#endif
