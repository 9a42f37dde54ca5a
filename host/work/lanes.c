#include "work/lane.h"

#include "base/log.h"
#include "store/migrate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Starting, feeding and stopping the lanes. The writer opens first and alone: it brings every table up to date, and
 * only then may readers look.
 *
 * A run that the slow lane waits for (run->home) is none of these. A run is outstanding from lanes_put until lanes_take has handed it back. The loop counts them and puts no more
 * than the mailbox `done` holds, so a lane that gives a run back always finds room and never waits for the loop. */

enum {
    READERS_MAX = 64 /* of the setting, too */,
    MAILBOX = 1024,
    BATCH_COMMANDS = 512,
    BATCH_MS = 20,
    SLOW_END_S = 5
};

static const int64_t idem_keep_ms = 30LL * 24 * 3600 * 1000;

/* -- one lane -- */

static void must_put(struct mailbox *m, struct run *const *runs, int count)
{
    if (mailbox_put_many(m, (void *const *)runs, count) != 0) {
        log_error("work", "a finished run found no room: the count of outstanding runs is wrong");
        abort();
    }
}

void lane_give_back(struct lane *lane, struct run *const *runs, int count)
{
    int from = 0;
    for (int i = 0; i < count; i++) {
        if (!runs[i]->home)
            continue;
        must_put(lane->lanes->done, runs + from, i - from);
        must_put(runs[i]->home, runs + i, 1);
        from = i + 1;
    }
    must_put(lane->lanes->done, runs + from, count - from);
}

static int migrate_all(struct lane *lane, struct err *err)
{
    struct registry *registry = lane->lanes->registry;
    struct store *s = lane->calls.store;
    int rv = migrate_host(s, err);
    const struct plugin *const *plugins;
    int count = registry_plugins(registry, &plugins);
    for (int i = 0; rv >= 0 && i < count; i++) {
        const struct migration *list;
        int n = registry_migrations(registry, plugins[i]->name, &list);
        rv = migrate(s, plugins[i]->name, list, n, err);
        if (rv > 0)
            log_info("work", "%s: migrations applied: %d", plugins[i]->name, rv);
    }
    return rv < 0 ? rv : 0;
}

int lane_open(struct lane *lane, enum store_role role, struct err *err)
{
    const struct lanes_options *o = &lane->lanes->options;
    const struct store_options store = {
        .path = o->db_path,
        .faults = role == STORE_WRITER ? o->faults : NULL,
        .scratch = o->scratch,
        .unsafe_sql = o->unsafe_sql,
    };
    struct calls *c = &lane->calls;
    struct registry *registry = lane->lanes->registry; /* it changes only when all lanes run */
    c->registry = registry;
    c->lanes = lane->lanes;
    c->site = o->site;
    c->zone_min = o->zone_min;
    c->limit_rows = o->limit_rows;
    c->nlimit_rows = o->nlimit_rows;
    int rv = store_open(&store, role, &c->store, err);
    if (rv == 0 && role == STORE_WRITER)
        rv = migrate_all(lane, err);
    if (rv == 0)
        rv = runtime_new(registry, &o->limits, &c->runtime, err);
    if (rv == 0)
        rv = runtime_attach(c->runtime, c->store, err);
    return rv;
}

void lane_close(struct lane *lane)
{
    runtime_free(lane->calls.runtime);
    runtime_free(atomic_exchange(&lane->next, NULL));
    generation_free(lane->calls.offered);
    lane->calls.offered = NULL;
    calls_close(&lane->calls);
    store_close(lane->calls.store);
    lane->calls.runtime = NULL;
    lane->calls.store = NULL;
}

static void lane_init(struct lanes *l, struct lane *lane)
{
    lane->lanes = l;
    lane->ready = (struct gate)GATE_INIT;
    lane->inbox = mailbox_new((size_t)l->options.mailbox, NULL, NULL);
}

static int lane_start(struct lane *lane, const char *name, void *(*run)(void *), struct err *err)
{
    int rv = thread_start(&lane->thread, name, run, lane);
    if (rv)
        return err_set(err, rv, "start the thread %s", name);
    lane->started = true;
    rv = gate_wait(&lane->ready);
    if (rv && err)
        *err = lane->err;
    return rv;
}

/* -- all of them -- */

static void fill_options(struct lanes *l, const struct lanes_options *options)
{
    l->options = *options;
    struct lanes_options *o = &l->options;
    l->db_path = mem_dup(options->db_path);
    l->faults = options->faults ? mem_dup(options->faults) : NULL;
    o->db_path = l->db_path;
    o->faults = l->faults;
    o->registry = NULL;
    l->registry = registry_ref(options->registry);
    if (o->readers <= 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        o->readers = cores > READERS_MAX ? READERS_MAX : cores > 2 ? (int)cores - 1 : 1;
    }
    o->mailbox = o->mailbox > 0 ? o->mailbox : MAILBOX;
    o->batch_commands = o->batch_commands > 0 ? o->batch_commands : BATCH_COMMANDS;
    o->batch_ms = o->batch_ms > 0 ? o->batch_ms : BATCH_MS;
    o->idem_keep_ms = o->idem_keep_ms > 0 ? o->idem_keep_ms : idem_keep_ms;
}

int lanes_start(const struct lanes_options *options, struct lanes **out, struct err *err)
{
    struct lanes *l = mem_zalloc(sizeof(*l));
    fill_options(l, options);
    l->nreaders = l->options.readers;
    l->max_outstanding = (l->nreaders + 2) * l->options.mailbox;
    l->done = mailbox_new((size_t)l->max_outstanding, options->wake, options->arg);
    l->answers = mailbox_new(1, NULL, NULL);
    l->readers = mem_zalloc((size_t)l->nreaders * sizeof(*l->readers));
    lane_init(l, &l->writer);
    lane_init(l, &l->slow);
    for (int i = 0; i < l->nreaders; i++)
        lane_init(l, &l->readers[i]);
    int rv = watchdog_start(err);
    if (rv) {
        lanes_free(l);
        return rv;
    }
    rv = lane_start(&l->writer, "writer", writer_main, err);
    for (int i = 0; rv == 0 && i < l->nreaders; i++) {
        char name[16];
        snprintf(name, sizeof(name), "reader %d", i % 1000);
        rv = lane_start(&l->readers[i], name, reader_main, err);
    }
    if (rv == 0)
        rv = lane_start(&l->slow, "slow", slow_main, err);
    if (rv) {
        lanes_stop(l);
        lanes_free(l);
        return rv;
    }
    *out = l;
    return 0;
}

struct lane *lanes_reader(struct lanes *l)
{
    struct lane *best = NULL;
    size_t best_len = 0;
    for (int i = 0; i < l->nreaders; i++) {
        struct lane *lane = &l->readers[i];
        size_t len = mailbox_len(lane->inbox) + (atomic_load_explicit(&lane->busy, memory_order_relaxed) ? 1 : 0);
        if (!best || len < best_len) {
            best = lane;
            best_len = len;
        }
    }
    return best;
}

int lanes_put(struct lanes *l, struct run *run)
{
    assert(run->kind != RUN_COMMANDS || (run->first < run->nrequests && run->done == run->first));
    if (l->outstanding >= l->max_outstanding)
        return ERR_BUSY;
    bool write = run->kind == RUN_COMMANDS && run->mode == MODE_WRITE;
    bool slow = run->kind == RUN_COMMANDS && run->mode == MODE_SLOW;
    if (write && atomic_load(&l->fenced))
        return ERR_STATE;
    struct lane *lane = write ? &l->writer : slow ? &l->slow : lanes_reader(l);
    int rv = mailbox_put(lane->inbox, run);
    if (rv == 0)
        l->outstanding++;
    return rv;
}

int lanes_take(struct lanes *l, struct run **out, int max)
{
    int held = 0;
    if (l->held && max > 0) {
        out[held++] = l->held;
        l->held = NULL;
    }
    int taken = mailbox_take(l->done, (void **)out + held, max - held, 0);
    taken = taken < 0 ? held : taken + held;
    l->outstanding -= taken;
    return taken;
}

bool lanes_wait(struct lanes *l, int timeout_ms)
{
    void *item = NULL;
    if (!l->held && mailbox_take(l->done, &item, 1, timeout_ms) == 1)
        l->held = item;
    return l->held != NULL;
}

struct registry *lanes_registry(struct lanes *l)
{
    if (atomic_load_explicit(&l->fresh, memory_order_relaxed)) {
        registry_unref(l->registry);
        l->registry = atomic_exchange(&l->fresh, NULL);
    }
    return registry_ref(l->registry);
}

bool lanes_fenced(const struct lanes *l)
{
    return atomic_load(&l->fenced);
}

static void join(struct lane *lane)
{
    if (lane->started)
        pthread_join(lane->thread, NULL);
    lane->started = false;
}

/* Nobody can end a thread from outside. */
static void join_slow(struct lanes *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SLOW_END_S;
    if (!l->slow.started || pthread_timedjoin_np(l->slow.thread, NULL, &until) == 0)
        return;
    enum slow_state busy = SLOW_BUSY;
    if (!atomic_compare_exchange_strong(&l->slow_state, &busy, SLOW_LEFT)) {
        pthread_join(l->slow.thread, NULL); /* it is about to end */
        return;
    }
    log_error("work", "a slow command did not end within %d s; it is left behind", SLOW_END_S);
    pthread_detach(l->slow.thread);
    l->abandoned = true;
}

void lanes_hurry(struct lanes *l)
{
    atomic_store(&l->stopping, true);
}

bool lanes_stopping(const struct lanes *l)
{
    return atomic_load(&l->stopping);
}

void lanes_stop(struct lanes *l)
{
    if (atomic_exchange(&l->stopped, true))
        return;
    lanes_hurry(l);
    mailbox_close(l->writer.inbox);
    mailbox_close(l->slow.inbox);
    for (int i = 0; i < l->nreaders; i++)
        mailbox_close(l->readers[i].inbox);
    join(&l->writer);
    for (int i = 0; i < l->nreaders; i++)
        join(&l->readers[i]);
    join_slow(l);
    if (!l->abandoned)
        watchdog_stop();
}

/* The writer may have switched when others had ended already. */
static void close_inbox(struct lane *lane)
{
    mailbox_free(lane->inbox);
    runtime_free(atomic_load(&lane->next));
}

void lanes_free(struct lanes *l)
{
    if (!l)
        return;
    struct run *run;
    while (lanes_take(l, &run, 1) == 1)
        run_free(run);
    if (l->abandoned)
        return;
    close_inbox(&l->writer);
    close_inbox(&l->slow);
    for (int i = 0; i < l->nreaders; i++)
        close_inbox(&l->readers[i]);
    mailbox_free(l->done);
    mailbox_free(l->answers);
    generation_free(atomic_load(&l->offer));
    generation_sweep(l);
    registry_unref(l->registry);
    registry_unref(atomic_load(&l->fresh));
    free(l->readers);
    free(l->db_path);
    free(l->faults);
    free(l);
}

static int64_t get(_Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void lanes_stats(struct lanes *l, struct lanes_stats *out)
{
    struct lane_counters *w = &l->writer.counters;
    *out = (struct lanes_stats){
        .batches = get(&w->batches),
        .commands = get(&w->commands),
        .refused = get(&w->refused),
        .replayed = get(&w->replayed),
        .replays_after_loss = get(&w->replays_after_loss),
        .commits = get(&w->commits),
        .pages_written = get(&w->pages_written),
        .slow = get(&l->slow.counters.slow),
        .switches = get(&w->switches),
        .writer_queue = (int)mailbox_len(l->writer.inbox),
        .slow_queue = (int)mailbox_len(l->slow.inbox),
    };
    out->refused += get(&l->slow.counters.refused);
    for (int i = 0; i < l->nreaders; i++) {
        out->reads += get(&l->readers[i].counters.reads);
        out->refused += get(&l->readers[i].counters.refused);
        out->reader_queue += (int)mailbox_len(l->readers[i].inbox);
    }
}
