/* The lanes: one writer thread, N reader threads, each with its own connection, Lua states and mailbox.
 *
 *   loop ── lanes_put ─► mailbox of the writer, or of the reader with the shortest queue ─► … ─► lanes_take ── loop */
#ifndef MUSTER_WORK_LANES_H
#define MUSTER_WORK_LANES_H

#include "plugin/runtime.h"
#include "work/run.h"

struct lanes;

struct lanes_options {
    const char *db_path;
    const char *faults;          /* injected into the writer's store, or NULL: tests */
    struct registry *registry;   /* a reference is taken */
    int readers;                 /* 0: cores - 1, at least 1 */
    int mailbox;                 /* runs waiting for each lane; 0: 1024 */
    int batch_commands;          /* at most in one transaction; 0: 512 */
    int batch_ms;                /* of work before it commits; 0: 20 */
    int zone_min;                /* of civil days */
    int64_t idem_keep_ms;        /* 0: 30 days */
    struct runtime_limits limits;
    void (*wake)(void *arg);     /* on a lane's thread: finished runs wait where there were none */
    void *arg;
};

/* Start the watchdog and the threads; migrates the host's tables and every plugin's before the readers open. 0 or the first error of any
 * lane, with nothing left running. */
int lanes_start(const struct lanes_options *options, struct lanes **out, struct err *err);
/* Hand a run over. 0, or ERR_BUSY (mailbox full) / ERR_STATE (stopping): the caller keeps it. Loop thread. */
int lanes_put(struct lanes *l, struct run *run);
/* Take up to `max` finished runs, never waiting. Loop thread. */
int lanes_take(struct lanes *l, struct run **out, int max);
/* Finish what is queued, then end and join the threads. Finished runs can still be taken; then lanes_free. */
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
