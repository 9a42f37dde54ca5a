#include "ops/install_stage.h"

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "ops/install_start.h"
#include "plugin/shelf.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From a wish to an offer:
 *
 *   packages ─► shelf ─► the set that would be (install_wish.c) ─► its registry: manifests, requirements, declarations
 *            ─► the plan: what changes (install_plan.c) ─► dry run on a copy (install_dry.c)
 *            ─► the states of every lane (lanes_prepare) ─► lanes_offer
 *
 * All of it on the slow lane's thread, while the others go on. Nothing that runs is touched; what fails takes its own
 * packages from the shelf again. A stage that is never activated is forgotten with the next one, or with the process.
 *
 * A generation's number is greater than any before it, recorded or only staged, so that whoever activates 7 gets the 7
 * that was shown. */

static atomic_llong staged; /* the greatest number given out in this process */

int64_t stage_latest(void)
{
    return atomic_load(&staged);
}

/* The slow lane's: what plugin.rehearse plays. The generation that was made of it holds a reference of its own. */
static struct registry *newest;

struct registry *stage_registry(int64_t number)
{
    return newest && registry_generation(newest) == number ? registry_ref(newest) : NULL;
}

void stage_forget(void)
{
    registry_unref(newest);
    newest = NULL;
}

/* -- what stays on the shelf -- */

static const struct set_plugin *in_folder(const struct set *set, const char *folder)
{
    for (int i = 0; i < set->count; i++)
        if (set->plugins[i].folder && strcmp(set->plugins[i].folder, folder) == 0)
            return &set->plugins[i];
    return NULL;
}

struct needed {
    struct set now, before;
    struct vec ways;          /* folders: of each plugin that is there, what it was when it last was different */
    const struct set *staged; /* NULL: there is no stage */
};

static bool is_way(const struct needed *n, const char *folder)
{
    for (int i = 0; i < n->ways.count; i++)
        if (strcmp(n->ways.items[i], folder) == 0)
            return true;
    return false;
}

static bool is_needed(void *arg, const char *folder)
{
    const struct needed *n = arg;
    return in_folder(&n->now, folder) || in_folder(&n->before, folder) || is_way(n, folder) ||
           (n->staged && in_folder(n->staged, folder));
}

/* So that `rollback NAME` finds its files, however many changes of others lie between. */
static int find_ways(struct store *s, struct needed *n, struct err *err)
{
    int rv = 0;
    for (int i = 0; rv >= 0 && i < n->now.count; i++) {
        struct buf folder = {0};
        rv = record_folder_before(s, n->now.number, &n->now.plugins[i], &folder, err);
        if (rv == 1)
            vec_push(&n->ways, mem_dup_slice(buf_view(&folder)));
        buf_close(&folder);
    }
    return rv;
}

int stage_tidy(struct calls *c, int64_t *last, struct err *err)
{
    struct needed n = {.staged = newest ? registry_set(newest) : NULL};
    int rv = store_read_begin(c->store, err);
    *last = 0;
    if (rv == 0)
        rv = record_last(c->store, last, err);
    if (rv == 0)
        rv = record_read(c->store, *last, &n.now, err);
    if (rv == 1 && n.now.previous)
        rv = record_read(c->store, n.now.previous, &n.before, err);
    if (rv == 1)
        rv = find_ways(c->store, &n, err);
    store_read_end(c->store);
    if (rv >= 0 && n.now.number)
        rv = shelf_tidy(c->site->data_dir, is_needed, &n, err);
    while (n.ways.count)
        free(n.ways.items[--n.ways.count]);
    free(n.ways.items);
    set_close(&n.now);
    set_close(&n.before);
    return rv < 0 ? rv : 0;
}

struct building {
    struct calls *c;
    const struct stage_wish *wish;
    struct set base, next;
    struct package_row rows[STAGE_PACKAGES_MAX];
    struct package_info infos[STAGE_PACKAGES_MAX];
    char folders[STAGE_PACKAGES_MAX][SHELF_PATH_BYTES];
    bool fresh[STAGE_PACKAGES_MAX];
    int nrows;
    struct plan *plan;
    struct registry *registry;
};

/* -- packages -- */

/* Does the running generation use it? One that is off may be mended. */
static bool runs(void *arg, const char *folder)
{
    const struct set_plugin *p = in_folder(arg, folder);
    return p && !p->off;
}

static int check_twice(const struct building *b, int nth, struct err *err)
{
    for (int i = 0; i < nth; i++)
        if (strcmp(b->infos[i].name, b->infos[nth].name) == 0)
            return err_rule(err, ERR_ARG, "plugin.twice", "package", "two packages of %s: %s and %s; give one",
                            b->infos[i].name, b->infos[i].version, b->infos[nth].version);
    return 0;
}

static int shelve(struct building *b, struct err *err)
{
    const struct site *site = b->c->site;
    int rv = 0;
    for (int i = 0; rv == 0 && i < b->wish->npackages; i++) {
        struct package_info *info = &b->infos[i];
        b->nrows = i + 1;
        rv = shelf_put(site->data_dir, b->wish->packages[i], !site->developer, runs, &b->base, info, b->folders[i],
                       &b->fresh[i], err);
        if (b->fresh[i] && in_folder(&b->base, b->folders[i]))
            b->fresh[i] = false; /* mended, and the generation that runs names it: it stays */
        if (rv == 0)
            rv = check_twice(b, i, err);
        b->rows[i] = (struct package_row){.hash = info->hash,
                                          .name = info->name,
                                          .version = info->version,
                                          .folder = b->folders[i],
                                          .signer = info->signer,
                                          .key_id = info->key_id,
                                          .sums = buf_view(&info->sums)};
        if (rv == 0 && lanes_stopping(b->c->lanes))
            rv =
                err_rule(err, ERR_BUSY, "busy.stopping", NULL, "the server is stopping; send it again when it is back");
    }
    return rv;
}

/* Their code will run here for the first time. */
static int set_mark(const struct building *b, struct err *err)
{
    struct buf names = {0};
    for (int i = 0; i < b->nrows; i++)
        buf_fmt(&names, "%s\n", b->rows[i].name);
    int rv = b->nrows ? shelf_write(b->c->site->data_dir, STAGE_MARK, buf_view(&names), err) : 0;
    buf_close(&names);
    return rv;
}

static void clear_mark(const struct building *b)
{
    char path[SHELF_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/" STAGE_MARK, b->c->site->data_dir);
    if (b->nrows)
        unlink(path);
}

static void take_down(struct building *b)
{
    for (int i = 0; i < b->nrows; i++) {
        struct err left = {0};
        if (b->fresh[i] && shelf_remove(b->c->site->data_dir, b->folders[i], &left) != 0)
            log_warn("plugin", "a package that was refused stays on the shelf: %s", left.text);
    }
}

/* The plan outlives this building: its texts go into its own memory. */
static void keep_packages(struct building *b)
{
    struct arena *a = &b->plan->arena;
    b->plan->packages = arena_alloc(a, (size_t)(b->nrows + 1) * sizeof(*b->plan->packages));
    b->plan->npackages = b->nrows;
    for (int i = 0; i < b->nrows; i++) {
        const struct package_row *from = &b->rows[i];
        b->plan->packages[i] = (struct package_row){.hash = arena_text(a, slice_of(from->hash)),
                                                    .name = arena_text(a, slice_of(from->name)),
                                                    .version = arena_text(a, slice_of(from->version)),
                                                    .folder = arena_text(a, slice_of(from->folder)),
                                                    .signer = arena_text(a, slice_of(from->signer)),
                                                    .key_id = arena_text(a, slice_of(from->key_id)),
                                                    .sums = {arena_text(a, from->sums), from->sums.len}};
    }
}

/* -- the set -- */

static int read_base(struct building *b, int64_t *last, struct err *err)
{
    struct store *s = b->c->store;
    int64_t running = registry_generation(b->c->registry);
    int rv = store_read_begin(s, err);
    if (rv == 0)
        rv = record_last(s, last, err);
    if (rv == 0)
        rv = record_read(s, running, &b->base, err);
    if (rv == 0 && running == 0)
        rv = err_rule(err, ERR_STATE, "generation.absent", NULL,
                      "no set of plugins is recorded here yet; start the server once without --safe-mode");
    else if (rv == 0)
        rv = err_rule(err, ERR_STATE, "generation.absent", NULL, "generation %lld, which runs, is not recorded here",
                      (long long)running);
    store_read_end(s);
    return rv < 0 ? rv : 0;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = mem_dup(text);
}

static void describe(struct building *b)
{
    static const char *const verbs[] = {"install", "upgrade", "rollback", "enable",
                                        "disable", "remove",  "reload",   "back"};
    const struct stage_wish *w = b->wish;
    struct buf reason = {0};
    buf_text(&reason, verbs[w->kind]);
    for (int i = 0; i < b->nrows; i++)
        buf_fmt(&reason, " %s %s", b->rows[i].name, b->rows[i].version);
    if (w->name)
        buf_fmt(&reason, " %s", w->name);
    if (w->kind == STAGE_BACK)
        buf_fmt(&reason, " from %lld: %s", (long long)w->failed, w->why);
    else if (w->kind == STAGE_ROLLBACK && !w->name && !b->nrows)
        buf_fmt(&reason, " to %lld", (long long)(w->to ? w->to : b->base.previous));
    else if (w->kind == STAGE_ROLLBACK && w->to)
        buf_fmt(&reason, " to its version in %lld", (long long)w->to);
    if (w->kind != STAGE_BACK) /* nobody wants to go back to the one that was given up */
        b->next.previous = b->base.number;
    set_text(&b->next.user, w->user);
    set_text(&b->next.reason, buf_cstr(&reason));
    set_text(&b->next.state, b->plan->proved ? STATE_GOOD : STATE_PROBATION);
    free(b->next.why);
    b->next.why = NULL;
    buf_close(&reason);
}

static bool was_shelved(const struct building *b, const char *folder)
{
    for (int i = 0; i < b->nrows; i++)
        if (strcmp(b->folders[i], folder) == 0)
            return true;
    return false;
}

/* What stays or comes back is loaded from the shelf anew: it must still be what its signer signed. */
static int verify_kept(const struct building *b, struct err *err)
{
    int rv = 0;
    for (int i = 0; rv == 0 && i < b->next.count; i++) {
        const struct set_plugin *p = &b->next.plugins[i];
        struct err why = {0};
        if (!p->folder || p->off || was_shelved(b, p->folder))
            continue;
        if (install_verify(b->c->site, b->c->store, p, &why) != 0)
            rv =
                err_rule(err, ERR_CONFLICT, "package.changed", NULL,
                         "%s %s would run with other files than were installed; disable it, or start the server again, "
                         "which leaves it out, and install its package anew: %.300s",
                         p->name, p->version, why.text);
    }
    return rv;
}

/* Of a plugin that cannot be loaded it is the package that is refused, not the request, nor is it a fault of this host. */
static int load(struct building *b, struct err *err)
{
    int rv = set_load(b->c->site, &b->next, &b->registry, err);
    if (rv != ERR_ARG && rv != ERR_INTERNAL)
        return rv;
    err->code = ERR_POLICY;
    if (!err->rule[0])
        snprintf(err->rule, sizeof(err->rule), "plugin.code");
    return ERR_POLICY;
}

static int compose(struct building *b, int64_t last, struct err *err)
{
    int64_t number = atomic_load(&staged);
    number = (last > number ? last : number) + 1;
    int rv = store_read_begin(b->c->store, err);
    if (rv == 0)
        rv = stage_compose(b->c, b->wish, &b->base, b->rows, b->nrows, &b->next, err);
    store_read_end(b->c->store);
    if (rv == 0)
        rv = verify_kept(b, err);
    if (rv != 0)
        return rv;
    b->next.number = number;
    b->next.at_ms = clock_now_ms();
    describe(b);
    atomic_store(&staged, number);
    return load(b, err);
}

/* The version in the manifest of a package that is not loaded because its plugin is off. */
static int read_version(const struct building *b, int nth, char out[64], struct err *err)
{
    char folder[2 * SHELF_PATH_BYTES];
    struct registry *r = NULL;
    snprintf(folder, sizeof(folder), "%s/%s", b->c->site->data_dir, b->folders[nth]);
    int rv = package_manifest(b->rows[nth].name, folder, &r, err);
    const struct plugin *p = rv == 0 ? registry_plugin(r, slice_of(b->rows[nth].name)) : NULL;
    snprintf(out, 64, "%s", p ? p->version : "");
    registry_unref(r);
    return rv;
}

/* What stands in the package's name must be what its manifest says. */
static int check_versions(const struct building *b, struct err *err)
{
    int rv = 0;
    for (int i = 0; rv == 0 && i < b->nrows; i++) {
        const struct plugin *p = registry_plugin(b->registry, slice_of(b->rows[i].name));
        char version[64] = "";
        if (p)
            snprintf(version, sizeof(version), "%s", p->version);
        else
            rv = read_version(b, i, version, err);
        if (rv == 0 && strcmp(version, b->rows[i].version) != 0)
            rv = err_rule(err, ERR_POLICY, "package.form", NULL, "the package says it is %s %s, its manifest says %s",
                          b->rows[i].name, b->rows[i].version, version[0] ? version : "otherwise");
    }
    return rv;
}

/* -- the plan -- */

static void warn(struct building *b)
{
    const struct set *next = registry_set(b->registry);
    if (!registry_set(b->c->registry))
        plan_warn(b->plan, "this ends safe mode: every plugin that is not off runs again");
    for (int i = 0; i < b->nrows; i++) {
        const struct package_row *row = &b->rows[i];
        const struct set_plugin *now = set_find(next, row->name), *old = set_find(&b->base, row->name);
        if (old && old->folder && strcmp(old->signer, row->signer) != 0)
            plan_warn(b->plan, "the signer of %s changes from %s to %s", row->name,
                      old->signer[0] ? old->signer : "nobody", row->signer[0] ? row->signer : "nobody");
        if (!row->signer[0])
            plan_warn(b->plan, "%s %s is not signed; only a server in developer mode takes it", row->name,
                      row->version);
        if (now && now->off)
            plan_warn(b->plan, "%s %s stays off (%s); it will be tried out when it is turned on", row->name,
                      row->version, now->off);
    }
    for (int i = 0; i < next->count; i++) {
        const struct set_plugin *now = &next->plugins[i], *old = set_find(&b->base, now->name);
        if (now->off && old && !old->off && strncmp(now->off, "requires ", 9) == 0)
            plan_warn(b->plan, "%s will not run: it %s", now->name, now->off);
        if (!now->folder && !now->off && old && old->folder)
            plan_warn(b->plan, "%s %s, which came with the program, will run in place of %s", now->name, now->version,
                      old->version);
    }
}

static int work_out(struct building *b, struct err *err)
{
    bool safe = registry_set(b->c->registry) == NULL;
    plan_compare(b->plan, &b->base, b->c->registry, b->registry);
    if (set_same(registry_set(b->registry), &b->base) && !safe)
        return err_rule(err, ERR_STATE, "plugin.nothing", NULL, "nothing would change");
    int rv = store_read_begin(b->c->store, err);
    if (rv == 0)
        rv = plan_migrations(b->plan, b->c->store, b->registry, err);
    store_read_end(b->c->store);
    if (rv == 0)
        warn(b);
    return rv;
}

/* Away from something bad, perhaps: an unwell plugin must not be in the way of that. */
static bool leads_away(enum stage_kind kind)
{
    return kind == STAGE_BACK || kind == STAGE_ROLLBACK || kind == STAGE_DISABLE || kind == STAGE_REMOVE;
}

static int try_and_offer(struct building *b, struct err *err)
{
    struct generation *g = NULL;
    const bool away = leads_away(b->wish->kind);
    int rv = stage_dry_run(b->c, &b->base, b->registry, b->wish->npackages > 0 && !away, away, b->plan, err);
    if (rv == 0)
        rv = lanes_prepare(b->c->lanes, b->registry, &g, err);
    if (rv != 0)
        return rv;
    keep_packages(b);
    ((struct set *)(uintptr_t)registry_set(b->registry))->plan = b->plan;
    b->plan = NULL;
    lanes_offer(b->c->lanes, g);
    stage_forget();
    newest = registry_ref(b->registry);
    return 0;
}

int stage_build(struct calls *c, const struct stage_wish *wish, const struct set **out, struct err *err)
{
    struct building *b = mem_zalloc(sizeof(*b));
    int64_t last = 0;
    b->c = c;
    b->wish = wish;
    b->plan = plan_new();
    b->plan->ask = wish->npackages > 0 || wish->kind == STAGE_ENABLE;
    b->plan->proved = wish->kind == STAGE_BACK || wish->kind == STAGE_RELOAD;
    b->plan->failed = wish->failed;
    b->plan->why = wish->why ? arena_text(&b->plan->arena, slice_of(wish->why)) : NULL;
    int rv = read_base(b, &last, err);
    b->plan->base = b->base.number;
    if (rv == 0)
        rv = shelve(b, err);
    if (rv == 0)
        rv = set_mark(b, err);
    if (rv == 0)
        rv = compose(b, last, err);
    if (rv == 0)
        rv = check_versions(b, err);
    if (rv == 0)
        rv = work_out(b, err);
    if (rv == 0)
        rv = try_and_offer(b, err);
    clear_mark(b);
    crash_point("stage offered, or given up");
    if (rv == 0)
        *out = registry_set(b->registry);
    else
        take_down(b);
    registry_unref(b->registry); /* the offered generation holds its own reference */
    plan_free(b->plan);
    for (int i = 0; i < b->nrows; i++)
        package_info_close(&b->infos[i]);
    set_close(&b->base);
    set_close(&b->next);
    free(b);
    return rv;
}
