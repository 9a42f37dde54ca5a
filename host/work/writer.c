#include "work/batch.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

/* The writer lane. It takes what is queued, runs it in one transaction until nothing more waits or the batch is full,
 * commits, and gives the finished runs back. It never waits for more work while it holds any, so an idle server commits
 * each command at once and a busy one commits hundreds together.
 *
 * A batch may end in the middle of a run: then the run goes back with what is answered. It ends behind a command that switches
 * the generation: what comes after is for the new one. With nothing to do the writer tidies up: it moves the log into the database file and forgets old
 * idempotency keys, a few at a time. */

enum {
    TAKE_RUNS = 256,
    IDLE_MS = 200,        /* of quiet before tidying */
    SLEEP_MS = 60 * 1000, /* between looks for old keys */
    EXPIRE_ROWS = 200,
    EXPIRE_BATCHES = 256, /* under load, each so many batches */
    CHECKPOINT_PAGES = 1000,
};

struct writer {
    struct lane *lane;
    struct batch batch;
    struct run *runs[TAKE_RUNS]; /* taken, not yet finished; the first may be partly done in the open batch */
    int first, count;
    struct run **finished; /* to go back after the open batch; room for its requests, or for all that were taken */
    int nfinished;
    int64_t batches;
    int max_ms;
    int64_t keep_ms;
};

/* The run whose request comes next, or NULL when nothing is queued. */
static struct run *current(struct writer *w, int wait_ms, bool *closed)
{
    if (w->first == w->count) {
        int taken = mailbox_take(w->lane->inbox, (void **)w->runs, TAKE_RUNS, wait_ms);
        *closed = taken == ERR_STATE;
        w->first = 0;
        w->count = taken > 0 ? taken : 0;
    }
    return w->first < w->count ? w->runs[w->first] : NULL;
}

static void finish(struct writer *w)
{
    w->finished[w->nfinished++] = w->runs[w->first++];
}

/* Go on to the next request. */
static void advance(struct writer *w)
{
    struct run *run = w->runs[w->first];
    if (++run->done == run->nrequests || run->out.len > RUN_OUT_BYTES)
        finish(w);
}

static void give_back_finished(struct writer *w)
{
    lane_give_back(w->lane, w->finished, w->nfinished);
    w->nfinished = 0;
}

static void expire(struct writer *w)
{
    struct err err = {0};
    if (store_done_expire(w->lane->calls.store, clock_now_ms() - w->keep_ms, EXPIRE_ROWS, &err) < 0)
        log_warn("work", "old idempotency keys were not removed: %s", err.text);
}

/* Answer what is at hand with an error; what is queued behind it gets its own try. */
static void refuse_current(struct writer *w, const struct err *err)
{
    while (w->first < w->count) {
        batch_refuse(w->runs[w->first], w->runs[w->first]->done, err);
        count_more(&w->lane->counters.refused, 1);
        advance(w);
    }
    give_back_finished(w);
}

static void note_fenced(struct writer *w)
{
    if (w->batch.fenced && !atomic_load(&w->lane->lanes->fenced)) {
        log_error("work", w->batch.unsure
                              ? "it is not known which plugins the database is for: the server must start again"
                              : "another server has taken the database over; this one writes nothing any more");
        atomic_store(&w->lane->lanes->fenced, true);
    }
}

/* Others may not look into the store: it is this thread's. */
static void publish_stats(struct writer *w)
{
    struct store_stats s;
    store_stats(w->lane->calls.store, &s);
    atomic_store_explicit(&w->lane->counters.commits, s.commits, memory_order_relaxed);
    atomic_store_explicit(&w->lane->counters.pages_written, s.pages_written, memory_order_relaxed);
}

/* One transaction. */
static void run_batch(struct writer *w)
{
    struct err err = {0};
    if (batch_begin(&w->batch, &err) != 0) {
        log_error("work", "no transaction could begin: %s", err.text);
        refuse_current(w, &err);
        note_fenced(w);
        return;
    }
    if (++w->batches % EXPIRE_BATCHES == 0)
        expire(w);
    const uint64_t until = clock_mono_ns() + (uint64_t)w->max_ms * 1000000;
    /* What was queued when the batch began, and no more: while this one is on its way to the disk the clients of the one before are
     * answered and fill the next. Taking on what comes in meanwhile would make all of them wait for each other. */
    while (w->batch.count < w->batch.max && w->first < w->count) {
        struct run *run = w->runs[w->first];
        bool alive = batch_add(&w->batch, run, run->done);
        advance(w);
        if (!alive || w->lane->calls.switching || clock_mono_ns() >= until)
            break;
    }
    if (w->first < w->count && w->runs[w->first]->done > w->runs[w->first]->first)
        finish(w);
    batch_settle(&w->batch);
    publish_stats(w);
    give_back_finished(w);
    note_fenced(w);
}

/* Quiet for a moment: tidy. Returns how long to sleep before the next look. */
static int tidy(struct writer *w)
{
    struct err err = {0};
    struct store *s = w->lane->calls.store;
    if (w->batch.fenced)
        return SLEEP_MS;
    generation_take_offer(w->lane);
    if (store_checkpoint(s, CHECKPOINT_PAGES, &err) < 0)
        log_warn("work", "the log was not moved into the database: %s", err.text);
    if (store_batch_begin(s, &err) != STORE_OK)
        return SLEEP_MS;
    int removed = store_done_expire(s, clock_now_ms() - w->keep_ms, EXPIRE_ROWS, &err);
    if (removed > 0 && store_batch_commit(s, &err) == STORE_OK)
        return removed == EXPIRE_ROWS ? IDLE_MS : SLEEP_MS;
    store_batch_abort(s);
    return SLEEP_MS;
}

static void work(struct writer *w)
{
    int wait_ms = IDLE_MS;
    for (;;) {
        bool closed = false;
        if (current(w, wait_ms, &closed)) {
            run_batch(w);
            wait_ms = IDLE_MS;
        } else if (closed) {
            return;
        } else {
            wait_ms = tidy(w);
        }
    }
}

void *writer_main(void *arg)
{
    struct lane *lane = arg;
    const struct lanes_options *o = &lane->lanes->options;
    int rv = lane_open(lane, STORE_WRITER, &lane->err);
    gate_open(&lane->ready, rv);
    if (rv == 0) {
        struct writer *w = mem_zalloc(sizeof(*w));
        w->lane = lane;
        w->max_ms = o->batch_ms;
        w->keep_ms = o->idem_keep_ms;
        int room = o->batch_commands > TAKE_RUNS ? o->batch_commands : TAKE_RUNS;
        w->finished = mem_zalloc((size_t)room * sizeof(*w->finished));
        batch_init(&w->batch, lane, o->batch_commands);
        work(w);
        batch_close(&w->batch);
        free(w->finished);
        free(w);
    }
    lane_close(lane);
    return NULL;
}
