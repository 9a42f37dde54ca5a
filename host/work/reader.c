#include "work/lane.h"

#include "access/signin.h"
#include "base/clock.h"
#include "work/words.h"

#include <string.h>

/* A reader lane. The requests of one run share a snapshot of the database, which is let go after a while so that a long
 * run cannot hold the log back from being moved into the file. Signing in happens here too: slow by design, and never
 * on the loop's thread. */

enum { SNAPSHOT_MS = 50 };

/* The identity as it is in this snapshot. */
static int current_identity(struct lane *lane, struct run *run, const struct identity **out, struct err *err)
{
    const struct identity *id = run->fresh ? run->fresh : run->identity;
    if (id->version != access_version()) {
        struct identity *fresh = NULL;
        int rv = identity_refresh(lane->calls.store, id, &fresh, err);
        if (rv)
            return rv;
        identity_unref(run->fresh);
        run->fresh = fresh;
        id = fresh;
    }
    *out = id;
    return 0;
}

static void read_command(struct lane *lane, struct run *run, int index, int opened, const struct err *open_err)
{
    const struct command *command = run->requests[index].command;
    struct err err = *open_err;
    struct call call = {
        .user = run->identity->name, .lang = run->lang[0] ? run->lang : run->identity->lang, .command = command->name};
    const struct identity *id = NULL;
    int rv = opened;
    if (rv == 0 && run->out.len > RUN_OUT_BYTES)
        rv = err_rule(&err, ERR_LIMIT, "limit.run_output", NULL,
                      "the replies to the requests before this one are over %zu MiB; send fewer at once",
                      RUN_OUT_BYTES >> 20);
    if (rv == 0)
        rv = current_identity(lane, run, &id, &err);
    if (rv == 0)
        rv = calls_prepare(&lane->calls, run, index, id, &call, &err);
    if (rv == 0) {
        rv = calls_run(&lane->calls, command, &call, &run->out, &err);
        store_limits(lane->calls.store, 0, 0, 0);
    }
    if (rv)
        calls_refuse(&call, &err, &run->out);
    count_more(rv ? &lane->counters.refused : &lane->counters.reads, 1);
}

static void read_commands(struct lane *lane, struct run *run)
{
    struct store *s = lane->calls.store;
    struct err err = {0};
    int opened = store_read_begin(s, &err);
    uint64_t until = clock_mono_ns() + (uint64_t)SNAPSHOT_MS * 1000000;
    for (int i = 0; i < run->nrequests; i++) {
        if (i > 0 && clock_mono_ns() >= until) {
            store_read_end(s);
            err = (struct err){0};
            opened = store_read_begin(s, &err);
            until = clock_mono_ns() + (uint64_t)SNAPSHOT_MS * 1000000;
        }
        read_command(lane, run, i, opened, &err);
    }
    store_read_end(s);
}

static void sign_in(struct lane *lane, struct run *run)
{
    struct store *s = lane->calls.store;
    struct slice user = run->nwords > 0 ? run_word(run, 0) : SLICE("");
    struct slice secret = run->nwords > 1 ? run_word(run, 1) : SLICE("");
    int rv = store_read_begin(s, &run->err);
    if (rv == 0)
        rv = run->kind == RUN_CERTIFICATE ? signin_certificate(s, run->fingerprint, &run->fresh, &run->err)
                                          : signin_secret(s, user, secret, &run->fresh, &run->err);
    store_read_end(s);
    if (rv == 0)
        run->err = (struct err){0};
    else
        words_localise(run->lang, &run->err);
}

static void work(struct lane *lane)
{
    for (;;) {
        void *item = NULL;
        int taken = mailbox_take(lane->inbox, &item, 1, -1);
        if (taken <= 0)
            return; /* closed and empty */
        struct run *run = item;
        atomic_store(&lane->busy, true);
        if (run->kind == RUN_COMMANDS)
            read_commands(lane, run);
        else
            sign_in(lane, run);
        atomic_store(&lane->busy, false);
        lane_give_back(lane, run);
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
