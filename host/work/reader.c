#include "work/lane.h"

#include "access/signin.h"
#include "base/clock.h"
#include "work/words.h"

#include <string.h>

/* A reader lane. The requests of one run share a snapshot of the database; after a while it is let go, so that it cannot
 * hold the log back from being moved into the file, and the run with it, so that others get their turn. A query that
 * ends the snapshot ends the share as well: what stands behind it reads in the next. Signing in happens here too: slow
 * by design, and never on the loop's thread. */

enum { SHARE_MS = 50, LOOK_MS = 1000 };

static void read_command(struct lane *lane, struct run *run, int index, int opened, const struct err *open_err)
{
    struct calls *c = &lane->calls;
    struct err err = *open_err;
    struct call call = calls_begin(run, index);
    const struct identity *id = NULL;
    int rv = opened;
    if (rv == 0)
        rv = calls_identity(c, run, &id, &err);
    if (rv == 0)
        rv = calls_prepare(c, run, index, id, &call, &err);
    if (rv == 0) {
        rv = calls_run(c, c->command, &call, &run->out, &err);
        store_limits(c->store, 0, 0, 0);
        if (rv)
            calls_look_at(c, &call, &err);
    }
    if (rv)
        calls_refuse(&call, &err, &run->out);
    count_more(rv ? &lane->counters.refused : &lane->counters.reads, 1);
}

/* In one snapshot. False: a switch of generation came in between, see generation.c. */
static bool read_share(struct lane *lane, struct run *run, bool sure)
{
    struct err err = {0};
    uint64_t epoch;
    const uint64_t until = clock_mono_ns() + (uint64_t)SHARE_MS * 1000000;
    int opened = lane_read_begin(lane, sure, &epoch, &err);
    do
        read_command(lane, run, run->done++, opened, &err);
    while (run->done < run->nrequests && run->out.len <= RUN_OUT_BYTES && clock_mono_ns() < until &&
           store_read_alive(lane->calls.store));
    store_read_end(lane->calls.store);
    return opened != 0 || sure || !lane_overtaken(lane, epoch);
}

static void read_commands(struct lane *lane, struct run *run)
{
    const size_t before = run->out.len;
    if (read_share(lane, run, atomic_load_explicit(&lane->lanes->offered, memory_order_relaxed)))
        return;
    buf_truncate(&run->out, before);
    run->done = run->first;
    run->shut_out = false;
    read_share(lane, run, true);
}

/* Who is it, by what was shown; or who is it now? */
static int identify(struct lane *lane, struct run *run, struct err *err)
{
    struct store *s = lane->calls.store;
    const struct identity *same;
    switch (run->kind) {
    case RUN_CERTIFICATE:
        return signin_certificate(s, run->fingerprint, &run->fresh, err);
    case RUN_PASSWORD:
        return signin_secret(s, run_word(run, 0), run_word(run, 1), &run->fresh, err);
    default:
        return calls_identity(&lane->calls, run, &same, err);
    }
}

static void sign_in(struct lane *lane, struct run *run)
{
    lane->calls.version = access_version();
    int rv = store_read_begin(lane->calls.store, &run->err);
    if (rv == 0)
        rv = identify(lane, run, &run->err);
    store_read_end(lane->calls.store);
    if (rv) {
        words_localise(run->lang, &run->err);
        return;
    }
    run->err = (struct err){0};
    if (run->fresh)
        run->fresh->version = lane->calls.version; /* hashing took its time: see calls_identity */
}

static void work(struct lane *lane)
{
    for (;;) {
        void *item = NULL;
        int taken = mailbox_take(lane->inbox, &item, 1, LOOK_MS);
        if (taken < 0)
            return; /* closed and empty */
        if (taken == 0) {
            /* So that a lane that has nothing to do does not keep an old generation alive. */
            lane_renew(lane);
            continue;
        }
        struct run *run = item;
        atomic_store(&lane->busy, true);
        if (run->kind == RUN_COMMANDS)
            read_commands(lane, run);
        else
            sign_in(lane, run);
        atomic_store(&lane->busy, false);
        lane_give_back(lane, &run, 1);
    }
}

void *reader_main(void *arg)
{
    struct lane *lane = arg;
    int rv = lane_open(lane, STORE_READER, &lane->err);
    gate_open(&lane->ready, rv);
    if (rv == 0)
        work(lane);
    lane_close(lane);
    return NULL;
}
