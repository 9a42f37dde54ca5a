#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "script/quarantine.h"
#include "work/lane.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

/* Going over to another generation while everybody works.
 *
 *   slow lane   lanes_prepare: the states of every lane ── lanes_offer ──► l->offer
 *   writer      takes the offer before each transaction; a command in it applies the migrations and calls call_switch;
 *               the batch ends behind it:  epoch odd ─► COMMIT ─► hand out the runtimes ─► epoch even ─► replies leave
 *   readers,    take lane->next before a run, or within a second when nothing comes, so each goes over by itself
 *   slow lane   … and frees what the others have run until then
 *   loop        lanes_registry, after lanes_take: the writer put it there before it gave the replies back
 *
 * Every pointer has one owner, and moves by an atomic exchange; nobody locks. Readers wait for the writer's commit of a
 * switch, and for nothing else. What was not taken in time comes back from the exchange to whoever puts the next one: it
 * has never run.
 *
 * A reader must not run the code of one generation on the data of another. SQLite takes a snapshot at the first
 * statement of a read, so it cannot be told beforehand which side of the commit it will be. Hence the epoch: it is read
 * before the runtime is taken and the snapshot begins, and again at the end. Even and the same: no switch began to be
 * committed in between, and what was committed before had handed its runtime out before it made the epoch even. So the
 * snapshot was of the generation that ran. Otherwise the replies are thrown away and the run is done again, which is
 * sound because reads have no effects. The second time the snapshot is forced, by reading something, before the
 * epoch is looked at again: then nothing that comes later can overtake the run, and it is not done a third time.
 * While a generation is offered that is done at once, so that no plugin is seen to fail on data that is not its own.
 * A reader that finds the epoch odd waits for the end of that commit, usually one fsync.
 *
 * A commit of which it cannot be found out whether it happened leaves the epoch odd and the lanes fenced: then nobody
 * knows which code fits, so nothing is run until a new start reads it from the database. */

enum { WAIT_NS = 100 * 1000, WAIT_MS = 10 * 1000 };

struct generation {
    struct registry *registry;
    struct runtime *writer, *slow;
    struct runtime **readers;
    int nreaders;
    struct generation *next; /* in lanes.spent */
};

/* -- life -- */

void generation_free(struct generation *g)
{
    if (!g)
        return;
    runtime_free(g->writer);
    runtime_free(g->slow);
    for (int i = 0; i < g->nreaders; i++)
        runtime_free(g->readers[i]);
    free(g->readers);
    registry_unref(g->registry);
    free(g);
}

/* No lane waits for many Lua states to be freed, or for a plugin's process to end. */
static void spend(struct lanes *l, struct generation *g)
{
    if (!g)
        return;
    g->next = atomic_load(&l->spent);
    while (!atomic_compare_exchange_weak(&l->spent, &g->next, g))
        ;
}

void generation_sweep(struct lanes *l)
{
    struct generation *g = atomic_exchange(&l->spent, NULL);
    while (g) {
        struct generation *next = g->next;
        generation_free(g);
        g = next;
    }
}

int lanes_prepare(struct lanes *l, struct registry *registry, struct generation **out, struct err *err)
{
    const struct runtime_limits *limits = &l->options.limits;
    struct generation *g = mem_zalloc(sizeof(*g));
    g->registry = registry_ref(registry);
    g->nreaders = l->nreaders;
    g->readers = mem_zalloc((size_t)l->nreaders * sizeof(struct runtime *));
    int rv = runtime_new(registry, limits, &g->writer, err);
    for (int i = 0; rv == 0 && i < g->nreaders; i++)
        rv = runtime_new(registry, limits, &g->readers[i], err);
    if (rv == 0)
        rv = runtime_new(registry, limits, &g->slow, err);
    if (rv) {
        generation_free(g);
        return rv;
    }
    *out = g;
    return 0;
}

void lanes_offer(struct lanes *l, struct generation *g)
{
    atomic_store(&l->offered, g != NULL);
    if (!g)
        g = mem_zalloc(sizeof(*g));                 /* offers nothing */
    generation_free(atomic_exchange(&l->offer, g)); /* one that the writer has not seen */
}

/* -- the writer -- */

void generation_take_offer(struct lane *writer)
{
    struct calls *c = &writer->calls;
    assert(!c->switching);
    struct generation *fresh = atomic_exchange(&writer->lanes->offer, NULL);
    if (!fresh)
        return;
    spend(writer->lanes, c->offered);
    c->offered = fresh;
}

struct registry *call_offered(struct call *call, int64_t number)
{
    const struct generation *g = calls_of(call)->offered;
    return g && g->registry && registry_generation(g->registry) == number ? g->registry : NULL;
}

int call_switch(struct call *call, int64_t number, struct err *err)
{
    struct calls *c = calls_of(call);
    /* A caller could catch the refusal of what it called, and the switch would go on without its migrations. */
    if (call->depth > 0)
        return err_rule(err, ERR_POLICY, "generation.nested", NULL,
                        "%s is for clients; a plugin does not change the plugins", call->command);
    if (!call_offered(call, number))
        return err_rule(err, ERR_STATE, "generation.gone", NULL,
                        "generation %lld is not the one that was prepared last; prepare it again", (long long)number);
    c->switching = true;
    return 0;
}

static void hand_out(struct lane *lane, struct runtime **rt)
{
    *rt = atomic_exchange(&lane->next, *rt);
}

/* From here on the lane runs `rt`. */
static void enter(struct lane *lane, struct runtime *rt)
{
    struct calls *c = &lane->calls;
    struct generation *old = mem_zalloc(sizeof(*old));
    runtime_succeed(rt, c->runtime);
    old->writer = c->runtime;
    c->runtime = rt;
    c->registry = runtime_registry(rt);
    spend(lane->lanes, old);
}

void generation_commit_begin(struct lane *writer)
{
    atomic_fetch_add(&writer->lanes->epoch, 1);
}

/* What comes back from the lanes has never run, and goes with the rest of the generation. */
static void go_over(struct lane *writer)
{
    struct lanes *l = writer->lanes;
    struct calls *c = &writer->calls;
    struct generation *g = c->offered;
    c->offered = NULL;
    c->switching = false;
    enter(writer, g->writer);
    g->writer = NULL;
    for (int i = 0; i < g->nreaders; i++)
        hand_out(&l->readers[i], &g->readers[i]);
    hand_out(&l->slow, &g->slow);
    registry_unref(atomic_exchange(&l->fresh, registry_ref(g->registry)));
    c->access_changed = true; /* roles and rights are about commands, and those are others now */
    count_more(&writer->counters.switches, 1);
    atomic_store(&l->offered, atomic_load(&l->offer) != NULL);
    quarantine_generation(registry_generation(g->registry));
    spend(writer->lanes, g);
}

void generation_commit_end(struct lane *writer, bool kept)
{
    if (kept) {
        crash_point("switch committed, nobody went over");
        go_over(writer);
    }
    atomic_fetch_add(&writer->lanes->epoch, 1);
}

/* -- readers and the slow lane -- */

void lane_renew(struct lane *lane)
{
    if (!atomic_load_explicit(&lane->next, memory_order_relaxed))
        return;
    struct runtime *rt = atomic_exchange(&lane->next, NULL);
    if (rt)
        enter(lane, rt);
}

static int takes_long(struct err *err)
{
    return err_rule(err, ERR_BUSY, "generation.changing", NULL,
                    "the plugins are being changed and that takes long; send it again in a moment");
}

/* Has it been waited for too long? `*until` is 0 at the first time: nobody looks at the clock who does not wait. */
static bool waited_long(uint64_t *until)
{
    const uint64_t now = clock_mono_ns();
    if (*until == 0)
        *until = now + (uint64_t)WAIT_MS * 1000000;
    return now >= *until;
}

/* The epoch once it is even. */
static int settled(const struct lanes *l, uint64_t *until, uint64_t *epoch, struct err *err)
{
    while ((*epoch = atomic_load(&l->epoch)) & 1) {
        if (atomic_load(&l->fenced) || waited_long(until))
            return takes_long(err);
        const struct timespec pause = {.tv_nsec = WAIT_NS};
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* Read something, so that the snapshot is taken now. */
static int touch(struct lane *lane, struct err *err)
{
    struct value found;
    struct buf keep = {0};
    const struct slice sql = SLICE("SELECT 1 FROM muster_migration LIMIT 1");
    int rv = store_value(lane->calls.store, NULL, sql, NULL, 0, &found, &keep, err);
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

bool lane_overtaken(const struct lane *lane, uint64_t epoch)
{
    return atomic_load(&lane->lanes->epoch) != epoch;
}

int lane_read_begin(struct lane *lane, bool sure, uint64_t *epoch, struct err *err)
{
    uint64_t until = 0;
    for (;;) {
        int rv = settled(lane->lanes, &until, epoch, err);
        if (rv)
            return rv;
        lane_renew(lane);
        lane->calls.version = access_version();
        rv = store_read_begin(lane->calls.store, err);
        if (rv || !sure)
            return rv;
        rv = touch(lane, err);
        if (rv == 0 && !lane_overtaken(lane, *epoch))
            return 0;
        store_read_end(lane->calls.store);
        if (rv == 0 && waited_long(&until))
            rv = takes_long(err);
        if (rv)
            return rv;
    }
}
