#include "work/lane.h"

#include "base/log.h"
#include "store/migrate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Starting, feeding and stopping the lanes. The writer opens first and alone: it brings every table up to date, and
 * only then may readers look.
 *
 * A run is outstanding from lanes_put until lanes_take has handed it back. The loop counts them and puts no more
 * than the mailbox `done` holds, so a lane that gives a run back always finds room and never waits for the loop. */

enum { MAILBOX = 1024, BATCH_COMMANDS = 512, BATCH_MS = 20 };

static const int64_t idem_keep_ms = 30LL * 24 * 3600 * 1000;

/* -- one lane -- */

void lane_give_back(struct lane *lane, struct run *const *runs, int count)
{
    if (mailbox_put_many(lane->lanes->done, (void *const *)runs, count) != 0) {
        log_error("work", "a finished run found no room: the count of outstanding runs is wrong");
        abort();
    }
}

static int migrate_all(struct lane *lane, struct err *err)
{
    struct registry *registry = lane->lanes->options.registry;
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
        .unsafe_sql = o->unsafe_sql,
    };
    struct calls *c = &lane->calls;
    c->registry = o->registry;
    c->zone_min = o->zone_min;
    c->limit_rows = o->limit_rows;
    c->nlimit_rows = o->nlimit_rows;
    int rv = store_open(&store, role, &c->store, err);
    if (rv == 0 && role == STORE_WRITER)
        rv = migrate_all(lane, err);
    if (rv == 0)
        rv = runtime_new(o->registry, &o->limits, &c->runtime, err);
    if (rv == 0)
        rv = runtime_attach(c->runtime, c->store, err);
    return rv;
}

void lane_close(struct lane *lane)
{
    runtime_free(lane->calls.runtime);
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
    o->registry = registry_ref(options->registry);
    if (o->readers <= 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        o->readers = cores > 2 ? (int)cores - 1 : 1;
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
    l->max_outstanding = (l->nreaders + 1) * l->options.mailbox;
    l->done = mailbox_new((size_t)l->max_outstanding, options->wake, options->arg);
    l->readers = mem_zalloc((size_t)l->nreaders * sizeof(*l->readers));
    lane_init(l, &l->writer);
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
    if (rv) {
        lanes_stop(l);
        lanes_free(l);
        return rv;
    }
    *out = l;
    return 0;
}

static struct lane *shortest(struct lanes *l)
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
    if (write && atomic_load(&l->fenced))
        return ERR_STATE;
    int rv = mailbox_put(write ? l->writer.inbox : shortest(l)->inbox, run);
    if (rv == 0)
        l->outstanding++;
    return rv;
}

int lanes_take(struct lanes *l, struct run **out, int max)
{
    int taken = mailbox_take(l->done, (void **)out, max, 0);
    if (taken < 0)
        return 0;
    l->outstanding -= taken;
    return taken;
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

void lanes_stop(struct lanes *l)
{
    if (atomic_exchange(&l->stopped, true))
        return;
    mailbox_close(l->writer.inbox);
    for (int i = 0; i < l->nreaders; i++)
        mailbox_close(l->readers[i].inbox);
    join(&l->writer);
    for (int i = 0; i < l->nreaders; i++)
        join(&l->readers[i]);
    watchdog_stop();
}

void lanes_free(struct lanes *l)
{
    if (!l)
        return;
    struct run *run;
    while (lanes_take(l, &run, 1) == 1)
        run_free(run);
    mailbox_free(l->writer.inbox);
    for (int i = 0; i < l->nreaders; i++)
        mailbox_free(l->readers[i].inbox);
    mailbox_free(l->done);
    registry_unref(l->options.registry);
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
        .writer_queue = (int)mailbox_len(l->writer.inbox),
    };
    for (int i = 0; i < l->nreaders; i++) {
        out->reads += get(&l->readers[i].counters.reads);
        out->refused += get(&l->readers[i].counters.refused);
        out->reader_queue += (int)mailbox_len(l->readers[i].inbox);
    }
}
