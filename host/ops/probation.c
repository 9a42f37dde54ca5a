#include "ops/probation.h"

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "base/utf8.h"
#include "ops/install_stage.h"
#include "plugin/shelf.h"
#include "script/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Once a second, on the slow lane. Does another generation run than before, its set is read, plugins.lock is written,
 * the shelf and the notes of quarantine are tidied. While it is watched, the health commands of what changed are asked and
 * the counters looked at. Unwell: the set before is staged and activated, and this one is failed. Well for long enough:
 * it is good.
 *
 * All of this can be done again: a crash anywhere leaves a state in which the next start's first tick does the rest. */

enum { BREAKDOWNS = 3, LOGGED = 10, AGAIN_MAX_S = 600 };

struct watched {
    char *name, *health; /* health may be NULL */
    int64_t breakdowns;  /* at the beginning */
};

struct probation {
    int64_t number; /* the generation that was seen last; 0: none yet */
    bool on;        /* it is being watched */
    uint64_t until_ns;
    struct set set, before;
    struct watched *watched;
    int nwatched;
    int failures;      /* to go back, or to write down that it is good */
    uint64_t again_ns; /* not before this once more */
};

struct probation *probation_new(void)
{
    return mem_zalloc(sizeof(struct probation));
}

static void forget(struct probation *p)
{
    for (int i = 0; i < p->nwatched; i++) {
        free(p->watched[i].name);
        free(p->watched[i].health);
    }
    free(p->watched);
    p->watched = NULL;
    p->nwatched = 0;
    p->on = false;
    p->failures = 0;
    p->again_ns = 0;
    set_close(&p->set);
    set_close(&p->before);
}

void probation_free(struct probation *p)
{
    if (!p)
        return;
    forget(p);
    free(p);
}

/* -- tidying -- */

/* One line a plugin, for people and for `install --locked`. */
static void write_lock(const struct site *site, const struct set *set)
{
    struct buf text = {0};
    struct err err = {0};
    buf_fmt(&text, "# generation %lld: name version sha256 signer\n", (long long)set->number);
    for (int i = 0; i < set->count; i++) {
        const struct set_plugin *p = &set->plugins[i];
        if (!p->off)
            buf_fmt(&text, "%s %s %s %s\n", p->name, p->version, p->package_hash ? p->package_hash : p->hash,
                    !p->folder     ? "(bundled)"
                    : p->signer[0] ? p->signer
                                   : "(unsigned)");
    }
    if (shelf_write(site->data_dir, "plugins.lock", buf_view(&text), &err) != 0)
        log_warn("plugin", "plugins.lock was not written: %s", err.text);
    buf_close(&text);
}

static void clear_notes(const struct site *site, const struct set *set)
{
    struct quarantine_entry *notes = NULL;
    struct err err = {0};
    char folder[SHELF_PATH_BYTES];
    int count = 0;
    snprintf(folder, sizeof(folder), "%s/quarantine", site->data_dir);
    if (quarantine_read(folder, &notes, &count, &err) != 0)
        return;
    for (int i = 0; i < count; i++) {
        const struct set_plugin *p = set_find(set, notes[i].plugin);
        if (p && !p->off && quarantine_is_older(&notes[i], set->number, set->at_ms) &&
            quarantine_clear(folder, notes[i].plugin, &err) == 0)
            log_info("plugin", "%s is no longer in quarantine", p->name);
    }
    free(notes);
}

static void tidy(struct probation *p, struct calls *c)
{
    struct err err = {0};
    int64_t last;
    crash_point("generation committed");
    write_lock(c->site, &p->set);
    clear_notes(c->site, &p->set);
    if (strcmp(p->set.state, STATE_PROBATION) != 0 && stage_tidy(c, &last, &err) != 0)
        log_warn("plugin", "the shelf was not tidied: %s", err.text);
    crash_point("shelf tidied");
}

/* -- a new generation -- */

static int64_t breakdowns_of(const struct plugin *plugin)
{
    const struct plugin_counters *n = plugin->counters;
    return atomic_load_explicit(&n->killed_time, memory_order_relaxed) +
           atomic_load_explicit(&n->killed_memory, memory_order_relaxed) +
           atomic_load_explicit(&n->crashes, memory_order_relaxed);
}

static void watch_changed(struct probation *p, const struct registry *r)
{
    const struct plugin *const *plugins;
    int count = registry_plugins(r, &plugins);
    p->watched = mem_zalloc((size_t)(count + 1) * sizeof(*p->watched));
    for (int i = 0; i < count; i++) {
        const char *name = plugins[i]->name;
        if (set_same_plugin(set_find(&p->before, name), set_find(&p->set, name)))
            continue;
        p->watched[p->nwatched++] = (struct watched){
            mem_dup(name), plugins[i]->health ? mem_dup(plugins[i]->health) : NULL, breakdowns_of(plugins[i])};
    }
}

static int read_record(struct probation *p, struct calls *c, int64_t number, struct err *err)
{
    int rv = store_read_begin(c->store, err);
    if (rv == 0)
        rv = record_read(c->store, number, &p->set, err);
    if (rv == 1 && p->set.previous)
        rv = record_read(c->store, p->set.previous, &p->before, err);
    store_read_end(c->store);
    return rv < 0 ? rv : 0;
}

static void meet(struct probation *p, struct calls *c)
{
    struct err err = {0};
    int64_t number = registry_generation(c->registry);
    forget(p);
    if (read_record(p, c, number, &err) != 0) {
        log_warn("plugin", "the record of generation %lld was not read: %s", (long long)number, err.text);
        return;
    }
    p->number = number;
    if (!p->set.state)
        return;
    p->on = strcmp(p->set.state, STATE_PROBATION) == 0;
    p->until_ns = clock_mono_ns() + (uint64_t)c->site->probation_ms * 1000000;
    if (p->on)
        watch_changed(p, c->registry);
    tidy(p, c);
}

/* -- watching -- */

static bool is_well(const struct probation *p, struct lanes *l, struct calls *c, struct err *err)
{
    for (int i = 0; i < p->nwatched; i++) {
        const struct watched *w = &p->watched[i];
        const struct plugin *plugin = registry_plugin(c->registry, slice_of(w->name));
        int64_t breakdowns = plugin ? breakdowns_of(plugin) - w->breakdowns : 0;
        if (breakdowns >= BREAKDOWNS) {
            err_rule(err, ERR_STATE, "plugin.unwell", NULL, "%s was stopped by its limits or crashed %lld times",
                     w->name, (long long)breakdowns);
            return false;
        }
        struct buf reply = {0};
        const struct slice word = slice_of(w->health);
        int rv = w->health ? lanes_ask(l, &word, 1, &reply, err) : 0;
        if (rv == ERR_BUSY)
            rv = 0; /* that says nothing of the plugin */
        else if (rv != 0) {
            const struct err why = *err;
            err_rule(err, ERR_STATE, "plugin.unwell", NULL, "%s is unwell: %s says %s %.400s", w->name, w->health,
                     err_token(why.code), why.text);
        } else if (w->health)
            rv = health_judge(w->name, w->health, buf_view(&reply), err);
        buf_close(&reply);
        if (rv != 0)
            return false;
    }
    return true;
}

/* `why` NULL: the command gets no such argument. */
static int ask_number(struct lanes *l, const char *command, const char *arg, int64_t number, const char *why,
                      struct err *err)
{
    char text[48];
    struct buf reply = {0}, reason = {0};
    snprintf(text, sizeof(text), "%s=%lld", arg, (long long)number);
    buf_fmt(&reason, "why=%s", why ? why : "");
    const struct slice words[] = {slice_of(command), slice_of(text), buf_view(&reason)};
    int rv = lanes_ask(l, words, why ? 3 : 2, &reply, err);
    buf_close(&reply);
    buf_close(&reason);
    return rv;
}

/* What failed costs a copy of the database each time: after 1, 2, 4 … seconds it is tried again. */
static bool failed(struct probation *p)
{
    const int doublings = p->failures < 10 ? p->failures : 10;
    const int wait_s = 1 << doublings < AGAIN_MAX_S ? 1 << doublings : AGAIN_MAX_S;
    p->again_ns = clock_mono_ns() + (uint64_t)wait_s * 1000000000;
    return p->failures++ % LOGGED == 0;
}

/* For whoever looks at the generations, or waits for this one: it runs on, and will not end by itself. */
static void stay(const struct probation *p, struct lanes *l, const struct err *unwell, const struct err *why)
{
    struct err err = {0};
    struct buf text = {0};
    log_error("plugin", "there is no way back to generation %lld: %s", (long long)p->set.previous, why->text);
    buf_fmt(&text, "%.*s; no way back to generation %lld: %.*s", (int)utf8_cut(slice_of(unwell->text), 400),
            unwell->text, (long long)p->set.previous, (int)utf8_cut(slice_of(why->text), 400), why->text);
    if (ask_number(l, "plugin.settle", "generation", p->number, buf_cstr(&text), &err) != 0)
        log_warn("plugin", "that was not written down: %s", err.text);
    buf_close(&text);
}

static void go_back(struct probation *p, struct lanes *l, struct calls *c, const struct err *unwell)
{
    struct err err = {0};
    const struct set *set = NULL;
    const struct stage_wish wish = {
        .kind = STAGE_BACK, .user = "muster", .to = p->set.previous, .failed = p->number, .why = unwell->text};
    if (p->failures == 0)
        log_error("plugin", "generation %lld is given up: %s", (long long)p->number, unwell->text);
    int rv = stage_build(c, &wish, &set, &err);
    if (rv == 0)
        rv = ask_number(l, "plugin.activate", "stage", set->number, NULL, &err);
    if (rv == 0)
        log_warn("plugin", "generation %lld runs as before", (long long)p->set.previous);
    else if (failed(p))
        stay(p, l, unwell, &err);
}

static void settle(struct probation *p, struct lanes *l, struct calls *c)
{
    struct err err = {0};
    if (ask_number(l, "plugin.settle", "generation", p->number, NULL, &err) != 0) {
        if (failed(p))
            log_warn("plugin", "that generation %lld is good was not written down: %s", (long long)p->number, err.text);
        return;
    }
    log_info("plugin", "generation %lld has proved itself", (long long)p->number);
    crash_point("generation good");
    meet(p, c);
}

void probation_tick(struct lanes *l, struct calls *c, void *arg)
{
    struct probation *p = arg;
    struct err unwell = {0};
    if (!c->site || !c->site->data_dir || !registry_set(c->registry))
        return;
    if (registry_generation(c->registry) != p->number)
        meet(p, c);
    if (!p->on || clock_mono_ns() < p->again_ns)
        return;
    if (!is_well(p, l, c, &unwell))
        go_back(p, l, c, &unwell);
    else if (clock_mono_ns() >= p->until_ns)
        settle(p, l, c);
}
