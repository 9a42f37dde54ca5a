/* The lanes: one writer thread, N reader threads, each with its own connection, Lua states and mailbox.
 *
 *   loop ── lanes_put ─► mailbox of the writer, or of the reader with the shortest queue ─► … ─► lanes_take ── loop */
#ifndef MUSTER_WORK_LANES_H
#define MUSTER_WORK_LANES_H

#include "plugin/runtime.h"
#include "work/run.h"

struct lanes;

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
    bool unsafe_sql;         /* see store_options: tests */
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
/* Give everything that is queued one share, then end and join the threads. The runs can still be taken; then
 * lanes_free. */
void lanes_stop(struct lanes *l);
void lanes_free(struct lanes *l);

/* Counters for INFO. Any thread. */
struct lanes_stats {
    int64_t batches, commands, refused, replayed, replays_after_loss, reads;
    int64_t commits, pages_written;
    int writer_queue, reader_queue;
};
void lanes_stats(struct lanes *l, struct lanes_stats *out);

#endif
