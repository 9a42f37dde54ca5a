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
    _Atomic int64_t slow, switches;
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
    _Atomic(struct runtime *) next; /* of the generation that was switched to: the lane takes it before its next run */
};

/* While a slow command runs, lanes_stop may take its thread for lost; then it must touch nothing any more. */
enum slow_state { SLOW_IDLE, SLOW_BUSY, SLOW_LEFT };

struct lanes {
    struct lanes_options options;
    char *db_path, *faults;
    struct registry *registry;        /* the running one, as far as the loop was told; the loop's */
    _Atomic(struct registry *) fresh; /* a newer one, for the loop to take; NULL: none */
    struct lane writer, slow;
    struct lane *readers;
    int nreaders;
    struct mailbox *done;               /* finished runs, lane → loop */
    struct mailbox *answers;            /* the one run that the slow lane waits for, see lanes_ask */
    struct run *held;                   /* the loop's: taken by lanes_wait, not yet given out */
    int outstanding, max_outstanding;   /* runs put and not taken back: the loop's own count */
    _Atomic(struct generation *) offer; /* slow lane → writer */
    _Atomic(struct generation *) spent; /* a list, any lane → slow lane, which frees them: it takes some ms */
    atomic_bool offered;                /* a switch may come soon: readers make sure of their snapshots */
    _Atomic uint64_t epoch;             /* odd while a switch of generation is being committed, see generation.c */
    atomic_bool fenced;
    atomic_bool stopping, stopped;
    _Atomic enum slow_state slow_state;
    bool abandoned; /* the slow lane did not end: nothing may be freed */
};

/* Give finished runs back, in order and with one wake-up of the loop. Never fails: `done` has room for every outstanding run. */
void lane_give_back(struct lane *lane, struct run *const *runs, int count);
/* Open the lane's store and build its states. On its own thread. */
int lane_open(struct lane *lane, enum store_role role, struct err *err);
void lane_close(struct lane *lane);

/* The threads. `arg` is the struct lane. */
void *writer_main(void *arg);
void *reader_main(void *arg);
void *slow_main(void *arg);

/* The reader with the shortest queue. Any thread. */
struct lane *lanes_reader(struct lanes *l);

/* -- generation.c -- */
/* Begin a read whose snapshot is of the generation that the lane runs from now on; *epoch is for lane_overtaken. With
 * `sure` it is certain at once, otherwise only when lane_overtaken said no at the end. 0 or an error, with no read open. */
int lane_read_begin(struct lane *lane, bool sure, uint64_t *epoch, struct err *err);
/* Did a switch come in between, so that the snapshot may be of another generation than the code? */
bool lane_overtaken(const struct lane *lane, uint64_t epoch);
/* Take the runtime that waits for a lane that runs nothing, if there is one. */
void lane_renew(struct lane *lane);
/* The writer, before a transaction: take what was offered. */
void generation_take_offer(struct lane *writer);
/* The writer, around the commit of a batch that holds a switch: readers wait in between. */
void generation_commit_begin(struct lane *writer);
void generation_commit_end(struct lane *writer, bool kept);
/* Free what the lanes are done with. The slow lane; any thread when all have ended. */
void generation_sweep(struct lanes *l);

#endif
