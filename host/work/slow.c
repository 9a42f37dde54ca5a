#include "base/clock.h"
#include "wire/reader.h"
#include "work/lane.h"
#include "work/words.h"

#include <string.h>
#include <unistd.h>

/* The slow lane: for commands of the host that take minutes, such as trying out a package, and for what the host does by
 * itself now and then. Who asks is looked up in a short read; then no transaction is open while the command runs, so it
 * neither holds the log back nor sees a snapshot grow old. One command is one share: others may put theirs in between.
 *
 * What must be changed meanwhile goes to the writer as a command of the host (lanes_ask), whose run comes home to a mailbox of
 * its own. That wait always ends: a lane answers every run that its mailbox took, when it is stopped too. */

enum { TICK_MS = 1000 };

/* A command that did not end in time when the lanes were stopped has been left behind, and what was the lanes' may be gone
 * by now: the thread waits for the end of the process. */
static void check_left(struct lanes *l)
{
    enum slow_state busy = SLOW_BUSY;
    if (atomic_compare_exchange_strong(&l->slow_state, &busy, SLOW_IDLE))
        return;
    for (;;)
        pause();
}

static const char stopping[] = "the server is stopping; send it again when it is back";

static int ready(struct lane *lane, struct run *run, int index, struct call *call, struct err *err)
{
    struct calls *c = &lane->calls;
    const struct identity *id;
    uint64_t epoch;
    if (lanes_stopping(lane->lanes))
        return err_rule(err, ERR_BUSY, "busy.stopping", NULL, "%s", stopping);
    int rv = lane_read_begin(lane, true, &epoch, err);
    if (rv)
        return rv;
    rv = calls_identity(c, run, &id, err);
    if (rv == 0)
        rv = calls_prepare(c, run, index, id, call, err);
    store_read_end(c->store);
    return rv;
}

static void run_slow(struct lane *lane, struct run *run, int index)
{
    struct calls *c = &lane->calls;
    struct err err = {0};
    struct call call = calls_begin(run, index);
    int rv = ready(lane, run, index, &call, &err);
    if (rv == 0) {
        atomic_store(&lane->lanes->slow_state, SLOW_BUSY);
        rv = calls_run(c, c->command, &call, &run->out, &err);
        check_left(lane->lanes);
    }
    store_read_end(c->store); /* if the command left one open */
    store_limits(c->store, 0, 0, 0);
    if (rv)
        calls_refuse(&call, &err, &run->out);
    count_more(rv ? &lane->counters.refused : &lane->counters.slow, 1);
}

static void tick(struct lane *lane)
{
    struct lanes *l = lane->lanes;
    if (!l->options.tick || lanes_stopping(l))
        return;
    atomic_store(&l->slow_state, SLOW_BUSY);
    l->options.tick(l, &lane->calls, l->options.tick_arg);
    check_left(l);
}

static void work(struct lane *lane)
{
    uint64_t next = clock_mono_ns() + (uint64_t)TICK_MS * 1000000;
    for (;;) {
        void *item = NULL;
        int taken = mailbox_take(lane->inbox, &item, 1, TICK_MS);
        if (taken < 0)
            return; /* closed and empty */
        struct run *run = item;
        if (run) {
            run_slow(lane, run, run->done++);
            lane_give_back(lane, &run, 1);
        } else if (clock_mono_ns() >= next) {
            lane_renew(lane);
            tick(lane);
            next = clock_mono_ns() + (uint64_t)TICK_MS * 1000000;
        }
        generation_sweep(lane->lanes);
    }
}

void *slow_main(void *arg)
{
    struct lane *lane = arg;
    int rv = lane_open(lane, STORE_READER, &lane->err);
    gate_open(&lane->ready, rv);
    if (rv == 0)
        work(lane);
    lane_close(lane);
    return NULL;
}

/* -- asking another lane -- */

static int send(struct lanes *l, struct run *run, struct err *err)
{
    struct lane *lane = run->mode == MODE_WRITE ? &l->writer : lanes_reader(l);
    int rv = mailbox_put(lane->inbox, run);
    if (rv == ERR_STATE)
        return err_rule(err, ERR_BUSY, "busy.stopping", NULL, "%s", stopping);
    if (rv)
        return err_rule(err, ERR_BUSY, "busy.queue", NULL,
                        "the queue of this kind of command is full; send it again in a moment");
    void *item = NULL;
    mailbox_take(l->answers, &item, 1, -1);
    return 0;
}

int lanes_ask(struct lanes *l, const struct slice *words, int nwords, struct buf *reply, struct err *err)
{
    struct registry *registry = l->slow.calls.registry;
    const struct command *command = registry_command(registry, words[0]);
    if (!command || command->mode == MODE_SLOW)
        return err_rule(err, ERR_NOTFOUND, "call.unknown", NULL, "there is no command %.*s",
                        (int)(words[0].len > 100 ? 100 : words[0].len), words[0].data);
    struct identity *host = identity_host();
    struct run *run = run_new(RUN_COMMANDS, command->mode, registry, host);
    identity_unref(host);
    strcpy(run->lang, "en");
    run->received_ms = clock_now_ms();
    run->home = l->answers;
    run_add(run, command, words + 1, nwords - 1);
    int rv = send(l, run, err);
    struct err refused = {0};
    if (rv == 0 && reader_error(buf_view(&run->out), &refused)) {
        if (err)
            *err = refused;
        rv = refused.code;
    }
    if (rv == 0)
        rv = buf_slice(reply, buf_view(&run->out));
    run_free(run);
    return rv;
}
