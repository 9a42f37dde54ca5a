/* A plugin and its host as two sides of a line: everything that may be asked, as messages.
 *
 * The same messages serve a plugin in a process of its own (child.h), the recording of a failed call and its replay
 * (capsule.h). They are in the canonical reply form, see store/remote.h; what is about the database is there. The host
 * says what is to be run, and gets a result:
 *
 *   run    NAME FACTS ARG…        → [REPLY], or an error reply
 *   figure NAME FACTS QUERY ARG…  → the same
 *
 *   FACTS: timeout_ms deadline_ns now received user person lang scope zone_min write
 *   QUERY: unit scope from to as_of
 *
 * While it runs, the plugin asks, and the host may send another `run` instead of the answer: the plugin was called back.
 *
 *   invoke NAME (ARG TEXT)…       → [REPLY]         setting NAME        → [VALUE]
 *   ask    NAME (ARG TEXT)…       → [REPLY]         emit TOPIC JSON     → []
 *   next   SERIES                 → [number]        unit_set CODE PARENT → []
 *                                                   unit_path CODE      → [PATH]
 *
 * (`ask` is a figure of anybody's.) */
#ifndef MUSTER_PLUGIN_REMOTE_H
#define MUSTER_PLUGIN_REMOTE_H

#include "plugin/runtime.h"
#include "store/remote.h"

/* -- the host's side -- */

/* One thing to run. */
struct remote_task {
    const struct command *command; /* or */
    const struct figure *figure;
    const struct figure_query *query; /* of the figure */
    const struct value *args;
    struct call *call; /* the real one: plugin and deadline are set */
    int timeout_ms;
    /* Told of each question and its answer, if not NULL. */
    void (*heard)(void *arg, struct slice message, struct slice answer);
    void *heard_arg;
    /* Answers the questions in the place of the host, if not NULL; `call` is then only facts. As remote_serve. */
    int (*answer)(void *arg, struct slice message, struct buf *answer);
    void *answer_arg;
    struct buf *trace; /* where a fault's traceback goes instead of the log, or NULL */
};
void remote_put_task(const struct remote_task *task, struct buf *message);
/* A task as it was sent. Texts point into the message, whose bytes are changed: texts end in NUL where they are so
 * declared. 0 or ERR_PROTO. */
struct remote_received {
    bool is_figure;
    struct slice name;
    struct call facts;
    int64_t timeout_ms;
    struct figure_query query;
    struct value args[256];
    int nargs;
};
int remote_take_task(struct slice message, struct remote_received *out);
/* Take the result apart: appends the reply, checked, to `out`. 0, the plugin's error, ERR_TOOBIG, or ERR_PROTO when it
 * is no result at all; `out` is as before on any error. */
int remote_take_result(struct slice message, size_t max_bytes, struct buf *out, struct err *err);

/* Answer one message of the plugin on the real call: appends one whole answer, an error reply if it was refused. 0, or
 * ERR_PROTO with nothing appended when it is not a message. `cursors` is the running command's, to be closed with
 * store_remote_close_all. */
int remote_serve(struct call *call, struct remote_cursors *cursors, struct slice message, struct buf *answer);

/* -- the plugin's side -- */

struct remote_side;
/* `line` and `registry` outlive it. Never NULL. */
struct remote_side *remote_side_new(struct registry *registry, const struct remote_line *line);
void remote_side_free(struct remote_side *side); /* NULL is fine */
/* A store whose statements go through the line. */
struct store *remote_side_store(struct remote_side *side);
/* A call with the facts of `real`, which asks through the line. Between them lies one running command. */
struct call remote_side_begin(struct remote_side *side, const struct call *real);
void remote_side_end(struct remote_side *side);
/* Run what a message says and append its result message. The bytes of `message` are changed. */
void remote_run(struct remote_side *side, struct runtime *rt, struct buf *message, struct buf *result);

#endif
