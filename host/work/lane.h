/* What the files of the lanes share: one lane, and the writer's batch. */
#ifndef MUSTER_WORK_LANE_H
#define MUSTER_WORK_LANE_H

#include "access/audit.h"
#include "base/mailbox.h"
#include "base/thread.h"
#include "work/calls.h"

#include <stdatomic.h>

/* Replies of one run together, from which on the rest is put again: so a pipeline cannot fill the memory. Together
 * with the longest single reply it has to fit into what may wait for a client. */
#define RUN_OUT_BYTES ((size_t)4 * 1024 * 1024)

/* Counted by one lane, read by anybody. */
struct lane_counters {
    _Atomic int64_t batches, commands, refused, replayed, replays_after_loss, reads;
    _Atomic int64_t commits, pages_written; /* of the writer's store, as of its last batch */
};
static inline void count_more(_Atomic int64_t *counter, int64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

struct lane {
    struct lanes *lanes;
    pthread_t thread;
    bool started;
    struct gate ready;     /* opens with 0 or the error code of the start */
    struct err err;        /* why it did not start */
    struct mailbox *inbox; /* of struct run */
    atomic_bool busy;      /* a reader that works: counts as one in the choice of the shortest queue */
    struct calls calls;
    struct lane_counters counters;
};

struct lanes {
    struct lanes_options options;
    char *db_path, *faults;
    struct lane writer;
    struct lane *readers;
    int nreaders;
    struct mailbox *done;             /* finished runs, lane → loop */
    int outstanding, max_outstanding; /* runs put and not taken back: the loop's own count */
    atomic_bool fenced;
    atomic_bool stopped;
};

/* Give finished runs back, in order and with one wake-up of the loop. Never fails: `done` has room for every outstanding run. */
void lane_give_back(struct lane *lane, struct run *const *runs, int count);
/* Open the lane's store and build its states. On its own thread. */
int lane_open(struct lane *lane, enum store_role role, struct err *err);
void lane_close(struct lane *lane);

/* The threads. `arg` is the struct lane. */
void *writer_main(void *arg);
void *reader_main(void *arg);

#endif
