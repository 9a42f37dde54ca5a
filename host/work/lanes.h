/* The lanes: one writer thread, N reader threads and one for slow commands, each with its own connection, Lua states and
 * mailbox.
 *
 *   loop ── lanes_put ─► mailbox of the writer, of the reader with the shortest queue, or of the slow lane ─► …
 *        … ─► lanes_take ── loop */
#ifndef MUSTER_WORK_LANES_H
#define MUSTER_WORK_LANES_H

#include "plugin/runtime.h"
#include "work/run.h"

struct lanes;
struct call;
struct calls;
struct site;

/* One line of the `limits` reply. */
struct limit_row {
    const char *name; /* "line_bytes" */
    int64_t value;
    const char *unit;  /* "bytes", "ms", "commands", … */
    const char *phase; /* "before sign-in", "after sign-in", or "" when it holds always */
};

struct lanes_options {
    const char *db_path;
    const char *faults;        /* injected into the writer's store, or NULL: tests */
    struct registry *registry; /* a reference is taken */
    int readers;               /* 0: cores - 1, at least 1 */
    int mailbox;               /* runs waiting for each lane; 0: 1024 */
    int batch_commands;        /* at most in one transaction; 0: 512 */
    int batch_ms;              /* of work before it commits; 0: 20 */
    int zone_min;              /* of civil days */
    int64_t idem_keep_ms;      /* 0: 30 days */
    struct runtime_limits limits;
    const struct limit_row *limit_rows; /* what the `limits` command shows; as long-lived as the lanes */
    int nlimit_rows;
    const struct site *site; /* for the host's own commands; as long-lived as the lanes; NULL in tests */
    /* Called on the slow lane about once a second while nothing waits there, outside of any transaction; NULL: none. */
    void (*tick)(struct lanes *l, struct calls *c, void *arg);
    void *tick_arg;
    bool unsafe_sql;         /* see store_options: tests */
    bool scratch;            /* see store_options: the database is a copy to try things on */
    void (*wake)(void *arg); /* on a lane's thread: finished runs wait where there were none */
    void *arg;
};

/* Start the watchdog and the threads; migrates the host's tables and every plugin's before the readers open. 0 or
 * the first error of any lane, with nothing left running. */
int lanes_start(const struct lanes_options *options, struct lanes **out, struct err *err);
/* Hand a run over. 0, or ERR_BUSY (mailbox full, or too many runs not yet taken back) / ERR_STATE (stopping, or a
 * write after the lanes were fenced): the caller keeps it. Loop thread. */
int lanes_put(struct lanes *l, struct run *run);
/* Take up to `max` runs that are finished or have had their share, never waiting. Loop thread. */
int lanes_take(struct lanes *l, struct run **out, int max);
/* Has another server taken the database over? Nothing can be written any more: drain and stop. Any thread. */
bool lanes_fenced(const struct lanes *l);
/* Slow commands shall come to an end: lanes_stopping() is true from now on, and those still queued are refused with
 * ERR_BUSY. Everything else goes on. Any thread. */
void lanes_hurry(struct lanes *l);
/* A slow command looks at this from time to time, and ends early with ERR_BUSY. Any thread. */
bool lanes_stopping(const struct lanes *l);
/* lanes_hurry; give everything that is queued one share, then end and join the threads. The runs can still be taken; then
 * lanes_free. A slow command that does not end within some seconds is left behind, with all that is the lanes': the
 * process should end soon. */
void lanes_stop(struct lanes *l);
void lanes_free(struct lanes *l);

/* Wait at most `timeout_ms` until a finished run waits to be taken: true when one does. For programs without a loop,
 * which give no `wake`. The thread that puts. */
bool lanes_wait(struct lanes *l, int timeout_ms);

/* -- generations --
 *
 * A generation is built beside the running one, on the slow lane's thread: its registry, and the states of every lane.
 * Then it is offered to the writer, and a write command on the writer's lane (plugin.activate) applies its migrations,
 * records it and calls call_switch(), all in one savepoint. The batch ends behind that command; once it is committed the
 * writer runs the new code, each reader from its next run on, and the loop looks commands up in the new registry. A
 * request is run by the generation that its lane runs at that moment, whole: its command is looked up again by name when
 * it was parsed with another one. A reader's run that the commit overtook is run again. */
struct generation;
/* Build it. Takes a reference of the registry. The slow lane's thread, or any thread before the lanes have started.
 * 0 or the first error of a plugin's load. */
int lanes_prepare(struct lanes *l, struct registry *registry, struct generation **out, struct err *err);
void generation_free(struct generation *g); /* NULL is fine; not once it is offered */
/* Give it to the writer, which drops the one that was offered before. NULL withdraws that one, which frees much memory
 * before long. The slow lane's thread. */
void lanes_offer(struct lanes *l, struct generation *g);
/* The registry of the running generation, a reference. The loop's thread: to be asked for after lanes_take, before the
 * replies leave. As cheap as the reference. */
struct registry *lanes_registry(struct lanes *l);
/* Inside a write command on the writer's lane: run the offered generation `number` once this is committed. ERR_STATE
 * (rule "generation.gone") when another one, or none, is offered; ERR_POLICY ("generation.nested") in a call inside
 * another. Forgotten when the command is rolled back. */
int call_switch(struct call *call, int64_t number, struct err *err);
/* The registry of the offered generation `number`, for its migrations; NULL when it is not the one offered. The writer's
 * lane. */
struct registry *call_offered(struct call *call, int64_t number);
/* Run one write or read command as the host itself (name "muster", every right) and wait for its reply, which is
 * appended when it is none of an error. The slow lane's thread, outside of a read. 0, the command's error (in English),
 * ERR_NOTFOUND or ERR_BUSY. */
int lanes_ask(struct lanes *l, const struct slice *words, int nwords, struct buf *reply, struct err *err);

/* Counters for INFO. Any thread. */
struct lanes_stats {
    int64_t batches, commands, refused, replayed, replays_after_loss, reads;
    int64_t commits, pages_written;
    int64_t slow, switches; /* slow commands; changes of generation */
    int writer_queue, reader_queue, slow_queue;
};
void lanes_stats(struct lanes *l, struct lanes_stats *out);

#endif
