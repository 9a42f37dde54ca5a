#include "ops/install_stage.h"

#include "base/clock.h"
#include "base/log.h"
#include "ops/embed.h"
#include "plugin/shelf.h"
#include "wire/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The dry run: everything that activation will do and much of what the plugins will do, on a copy that is thrown away.
 * The copy stands in the data folder, for it holds what the database holds. */

int health_judge(const char *plugin, const char *command, struct slice reply, struct err *err)
{
    struct err why = {0};
    if (reader_error(reply, &why))
        return err_rule(err, ERR_STATE, "plugin.unwell", NULL, "%s is unwell: %s says %s %.400s", plugin, command,
                        err_token(why.code), why.text);
    struct reader r = {reader_strip(reply)};
    struct node node;
    bool well = reader_next(&r, &node) == 1;
    if (well && node.type == NODE_BOOL)
        well = node.i;
    for (int64_t i = 0, pairs = well && node.type == NODE_MAP ? node.count : 0; i < pairs; i++) {
        struct node key, value;
        struct reader peek;
        if (reader_next(&r, &key) != 1)
            break;
        peek = r;
        if (slice_is(key.s, "ok") && reader_next(&peek, &value) == 1 && value.type == NODE_BOOL && !value.i)
            well = false;
        if (reader_skip(&r) != 0)
            break;
    }
    return well ? 0
                : err_rule(err, ERR_STATE, "plugin.unwell", NULL, "%s is unwell: %s answers that it is not ok", plugin,
                           command);
}

/* What the tables of each plugin that runs must be like after the way back: nothing when nothing is undone on it. */
struct ways {
    const struct registry *before; /* NULL: the way back is not tried */
    const struct plugin *const *plugins;
    struct buf *shapes; /* one for each of them */
    int count;
};

static struct buf *shape_of(const struct ways *w, const char *name)
{
    for (int i = 0; i < w->count; i++)
        if (strcmp(w->plugins[i]->name, name) == 0)
            return &w->shapes[i];
    return NULL;
}

/* Up to the migrations that a rollback would undo, the tables change; as they are then, they must be after it. */
static int migrate_to_undone(struct store *s, const struct ways *w, const char *name, const struct migration *list,
                             int count, struct err *err)
{
    int steps = 0, undone = 0, rv = migrate_steps(s, name, list, count, &steps, err);
    while (undone < steps && list[count - 1 - undone].down.len)
        undone++;
    struct buf *shape = undone ? shape_of(w, name) : NULL;
    if (rv != 0 || !shape)
        return rv;
    rv = migrate_within(s, name, list, count - undone, err);
    return rv < 0 ? rv : migrate_shape(s, name, shape, err);
}

static int migrate_forth(struct store *s, const struct ways *w, const struct registry *after, struct err *err)
{
    const struct store_request request = {.at_ms = 1};
    const struct plugin *const *plugins;
    struct buf ignored = {0};
    int count = registry_plugins(after, &plugins), rv = store_batch_begin(s, err);
    if (rv == 0)
        rv = store_command_begin(s, &request, &ignored, err);
    if (rv == STORE_NEW)
        rv = 0;
    for (int i = 0; rv == 0 && i < count; i++) {
        const struct migration *list;
        int n = registry_migrations(after, plugins[i]->name, &list);
        rv = migrate_to_undone(s, w, plugins[i]->name, list, n, err);
    }
    if (rv == 0)
        rv = set_migrate(s, after, err);
    if (rv == 0)
        rv = store_command_end(s, &request, (struct slice){"", 0}, err);
    if (rv == 0)
        rv = store_batch_commit(s, err);
    buf_close(&ignored);
    return rv > 0 ? err_set(err, ERR_INTERNAL, "the copy of the database could not be written") : rv;
}

/* "-" says nothing was there. */
static int compare_shapes(const struct plugin *p, struct slice wanted, struct slice found, struct err *err)
{
    struct slice missing = migrate_shape_lacks(wanted, found), more = migrate_shape_lacks(found, wanted);
    if (!missing.len && !more.len)
        return 0;
    return err_rule(
        err, ERR_POLICY, "migration.way_back", NULL,
        "a rollback to %s %s would not bring its tables back; mend the .down.sql of its migrations: there was "
        "%.*s, there would be %.*s",
        p->name, p->version, missing.len ? (int)missing.len : 1, missing.len ? missing.data : "-",
        more.len ? (int)more.len : 1, more.len ? more.data : "-");
}

static int migrate_plugin_back(struct store *s, const struct ways *w, int nth, struct err *err)
{
    const struct plugin *p = w->plugins[nth];
    const struct migration *list;
    struct err why = {0};
    struct buf found = {0};
    int n = registry_migrations(w->before, p->name, &list), rv = 0;
    if (migrate_within(s, p->name, list, n, &why) < 0)
        return err_rule(err, ERR_POLICY, "migration.way_back", NULL,
                        "a rollback to %s %s would fail; mend the .down.sql of its migrations: %.600s", p->name,
                        p->version, why.text);
    if (w->shapes[nth].len)
        rv = migrate_shape(s, p->name, &found, err);
    if (rv == 0 && w->shapes[nth].len)
        rv = compare_shapes(p, buf_view(&w->shapes[nth]), buf_view(&found), err);
    buf_close(&found);
    return rv;
}

/* A rollback that turns out to be impossible is found now, not when it is needed. The copy stays ahead. */
static int migrate_back(struct store *s, const struct ways *w, struct err *err)
{
    const struct store_request request = {.at_ms = 1};
    struct buf ignored = {0};
    int rv = store_batch_begin(s, err);
    if (rv == 0)
        rv = store_command_begin(s, &request, &ignored, err);
    if (rv == STORE_NEW)
        rv = 0;
    for (int i = 0; rv == 0 && i < w->count; i++)
        rv = migrate_plugin_back(s, w, i, err);
    store_batch_abort(s);
    buf_close(&ignored);
    return rv > 0 ? err_set(err, ERR_INTERNAL, "the copy of the database could not be written") : rv;
}

/* *forth_ms: how long the migrations themselves took, in the transaction that activation will make, too. */
static int migrate_copy(const char *db, const struct registry *before, const struct registry *after, int64_t *forth_ms,
                        struct err *err)
{
    const struct store_options options = {.path = db, .scratch = true};
    struct ways w = {.before = before};
    struct store *s = NULL;
    w.count = before ? registry_plugins(before, &w.plugins) : 0;
    w.shapes = mem_zalloc((size_t)(w.count + 1) * sizeof(*w.shapes));
    int rv = store_open(&options, STORE_WRITER, &s, err);
    const uint64_t started = clock_mono_ns();
    if (rv == 0)
        rv = migrate_forth(s, &w, after, err);
    *forth_ms = (int64_t)((clock_mono_ns() - started) / 1000000);
    if (rv == 0 && before)
        rv = migrate_back(s, &w, err);
    store_close(s);
    for (int i = 0; i < w.count; i++)
        buf_close(&w.shapes[i]);
    free(w.shapes);
    return rv;
}

/* What runs as before is not asked: whether it is well has nothing to do with this change. */
static int ask_health(struct embed *e, const struct set *base, const struct registry *after, bool lenient,
                      struct plan *plan, struct err *err)
{
    const struct plugin *const *plugins;
    struct identity *host = identity_host();
    int rv = 0, count = registry_plugins(after, &plugins);
    for (int i = 0; rv == 0 && i < count; i++) {
        const char *name = plugins[i]->name;
        struct buf reply = {0};
        struct err why = {0};
        if (!plugins[i]->health || set_same_plugin(set_find(base, name), set_find(registry_set(after), name)))
            continue;
        const struct slice word = slice_of(plugins[i]->health);
        rv = embed_call(e, host, "en", 0, &word, 1, &reply, &why);
        if (rv == 0)
            rv = health_judge(name, plugins[i]->health, buf_view(&reply), &why);
        if (rv == ERR_STATE && lenient) {
            plan_warn(plan, "%s", why.text);
            rv = 0;
        }
        if (rv != 0)
            *err = why;
        buf_close(&reply);
    }
    identity_unref(host);
    return rv;
}

static void db_of(const struct dry *dry, char out[SHELF_PATH_BYTES + 16])
{
    snprintf(out, SHELF_PATH_BYTES + 16, "%s/muster.db", dry->dir);
}

static int copy_of(const struct dry *of, const char *to, struct err *err)
{
    char from[SHELF_PATH_BYTES + 16];
    const struct store_options options = {.path = from, .scratch = true};
    struct store *s = NULL;
    db_of(of, from);
    int rv = store_open(&options, STORE_READER, &s, err);
    if (rv == 0)
        rv = store_copy(s, to, err);
    store_close(s);
    return rv;
}

int dry_copy(struct calls *c, const struct dry *of, struct dry *out, struct err *err)
{
    char to[SHELF_PATH_BYTES + 16];
    *out = (struct dry){0};
    int rv = shelf_tmp(c->site->data_dir, "dry", out->dir, err);
    if (rv == 0 && mkdir(out->dir, 0700) != 0)
        rv = err_set(err, ERR_IO, "make the folder %s: %s", out->dir, strerror(errno));
    if (rv != 0) {
        out->dir[0] = '\0';
        return rv;
    }
    db_of(out, to);
    return of ? copy_of(of, to, err) : store_copy(c->store, to, err);
}

int dry_open(struct calls *c, const struct registry *before, const struct registry *after, struct dry *dry,
             struct err *err)
{
    char db[SHELF_PATH_BYTES + 16];
    const struct lanes_options options = {.db_path = db,
                                          .registry = (struct registry *)(uintptr_t)after,
                                          .readers = 1,
                                          .mailbox = 4,
                                          .scratch = true,
                                          .zone_min = c->zone_min};
    db_of(dry, db);
    int rv = migrate_copy(db, before, after, &dry->migrated_ms, err);
    return rv == 0 ? embed_open(&options, &dry->host, err) : rv;
}

void dry_close(struct dry *dry)
{
    struct err left = {0};
    embed_close(dry->host);
    if (dry->dir[0] && folder_remove(dry->dir, &left) != 0)
        log_warn("plugin", "the copy of the database stays until the next start: %s", left.text);
    *dry = (struct dry){0};
}

int stage_dry_run(struct calls *c, const struct set *base, const struct registry *after, bool and_back, bool lenient,
                  struct plan *plan, struct err *err)
{
    struct dry dry;
    int rv = dry_copy(c, NULL, &dry, err);
    if (rv == 0)
        rv = dry_open(c, and_back ? c->registry : NULL, after, &dry, err);
    if (rv == 0)
        rv = ask_health(dry.host, base, after, lenient, plan, err);
    plan->migrated_ms = dry.migrated_ms;
    dry_close(&dry);
    return rv;
}
