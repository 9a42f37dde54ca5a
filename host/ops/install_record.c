#include "ops/install_record.h"

#include "store/store.h"

#include <string.h>

/* muster_generation, muster_generation_plugin and muster_package. Written by the writer's lane inside a command, or by
 * the start of a server before its lanes open; read by whoever wants to know. */

static int has_table(struct store *s, struct err *err)
{
    struct value found;
    struct buf keep = {0};
    int rv =
        store_value(s, NULL, SLICE("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'muster_generation'"),
                    NULL, 0, &found, &keep, err);
    buf_close(&keep);
    return rv;
}

static int number_of(struct store *s, struct slice sql, const struct value *args, int nargs, int64_t *out,
                     struct err *err)
{
    struct value found;
    struct buf keep = {0};
    *out = 0;
    int rv = store_value(s, NULL, sql, args, nargs, &found, &keep, err);
    if (rv == 1 && found.type == VALUE_INT)
        *out = found.i;
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

int record_last(struct store *s, int64_t *number, struct err *err)
{
    *number = 0;
    int rv = has_table(s, err);
    return rv <= 0 ? rv : number_of(s, SLICE("SELECT max(id) FROM muster_generation"), NULL, 0, number, err);
}

/* The text of a column, to be freed; NULL for null. */
static char *text_at(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_TEXT ? mem_dup_slice(v.s) : NULL;
}

static int64_t int_at(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_INT ? v.i : 0;
}

static int read_plugins(struct store *s, int64_t number, struct set *out, struct err *err)
{
    struct cursor *c = NULL;
    const struct value arg = value_int(number);
    int rv = store_query(s, NULL,
                         SLICE("SELECT name, version, hash, folder, package_hash, signer, asks, off"
                               " FROM muster_generation_plugin WHERE generation = ? ORDER BY name"),
                         &arg, 1, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct set_plugin p = {text_at(c, 0), text_at(c, 1), text_at(c, 2), text_at(c, 3),
                               text_at(c, 4), text_at(c, 5), text_at(c, 6), text_at(c, 7)};
        out->plugins = mem_realloc(out->plugins, (size_t)(out->count + 1) * sizeof(*out->plugins));
        out->plugins[out->count++] = p;
        rv = 0;
    }
    cursor_close(c);
    return rv;
}

int record_read(struct store *s, int64_t number, struct set *out, struct err *err)
{
    struct cursor *c = NULL;
    const struct value arg = value_int(number);
    *out = (struct set){0};
    int rv = has_table(s, err);
    if (rv <= 0)
        return rv;
    rv =
        store_query(s, NULL, SLICE("SELECT at, user, reason, state, why, previous FROM muster_generation WHERE id = ?"),
                    &arg, 1, &c, err);
    if (rv == 0)
        rv = cursor_step(c, err);
    if (rv == 1) {
        out->number = number;
        out->at_ms = int_at(c, 0);
        out->user = text_at(c, 1);
        out->reason = text_at(c, 2);
        out->state = text_at(c, 3);
        out->why = text_at(c, 4);
        out->previous = int_at(c, 5);
    }
    cursor_close(c);
    if (rv == 1) {
        rv = read_plugins(s, number, out, err);
        rv = rv < 0 ? rv : 1;
    }
    return rv;
}

static int write_plugin(struct store *s, int64_t number, const struct set_plugin *p, struct err *err)
{
    const struct value args[] = {
        value_int(number),
        value_cstr(p->name),
        value_cstr(p->version),
        value_cstr(p->hash),
        value_cstr(p->folder ? "package" : "bundled"),
        value_cstr(p->folder),
        value_cstr(p->package_hash),
        value_cstr(p->signer ? p->signer : ""),
        value_cstr(p->asks),
        value_cstr(p->off),
    };
    return store_run(s,
                     "INSERT INTO muster_generation_plugin(generation, name, version, hash, origin, folder,"
                     " package_hash, signer, asks, off) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     args, 10, err);
}

static int write_package(struct store *s, const struct package_row *p, int64_t now_ms, struct err *err)
{
    const struct value args[] = {
        value_cstr(p->hash),   value_cstr(p->name),   value_cstr(p->version), value_cstr(p->folder),
        value_cstr(p->signer), value_cstr(p->key_id), value_text(p->sums),    value_int(now_ms),
    };
    return store_run(s,
                     "INSERT INTO muster_package(hash, name, version, folder, signer, key_id, sums, added_at)"
                     " VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(hash) DO UPDATE SET signer = excluded.signer,"
                     " key_id = excluded.key_id, folder = excluded.folder",
                     args, 8, err);
}

int record_write(struct store *s, const struct set *set, const struct package_row *packages, int npackages,
                 struct err *err)
{
    const struct value args[] = {
        value_int(set->number),
        value_int(set->at_ms),
        value_cstr(set->user),
        value_cstr(set->reason),
        value_cstr(set->state),
        value_int(set->at_ms),
        set->previous ? value_int(set->previous) : value_null(),
    };
    int rv = store_run(s,
                       "INSERT INTO muster_generation(id, at, user, reason, state, changed_at, previous)"
                       " VALUES(?, ?, ?, ?, ?, ?, ?)",
                       args, 7, err);
    for (int i = 0; rv == 0 && i < set->count; i++)
        rv = write_plugin(s, set->number, &set->plugins[i], err);
    for (int i = 0; rv == 0 && i < npackages; i++)
        rv = write_package(s, &packages[i], set->at_ms, err);
    return rv;
}

int record_state(struct store *s, int64_t number, const char *state, const char *why, int64_t now_ms, struct err *err)
{
    const struct value args[] = {value_cstr(state), value_cstr(why), value_int(now_ms), value_int(number)};
    return store_run(s, "UPDATE muster_generation SET state = ?, why = ?, changed_at = ? WHERE id = ?", args, 4, err);
}

int record_sums(struct store *s, const char *package_hash, struct buf *sums, struct err *err)
{
    struct value found;
    const struct value arg = value_cstr(package_hash);
    return store_value(s, NULL, SLICE("SELECT sums FROM muster_package WHERE hash = ?"), &arg, 1, &found, sums, err);
}

int record_folder_before(struct store *s, int64_t number, const struct set_plugin *now, struct buf *folder,
                         struct err *err)
{
    static const struct slice sql =
        SLICE("WITH RECURSIVE way(id) AS (SELECT previous FROM muster_generation WHERE id = ? UNION ALL"
              " SELECT g.previous FROM muster_generation g JOIN way ON g.id = way.id WHERE g.previous IS NOT NULL)"
              " SELECT p.folder FROM way JOIN muster_generation_plugin p ON p.generation = way.id"
              " WHERE p.name = ? AND p.folder <> ? ORDER BY way.id DESC LIMIT 1");
    struct value found;
    const struct value args[] = {value_int(number), value_cstr(now->name), value_cstr(now->folder ? now->folder : "")};
    return store_value(s, NULL, sql, args, 3, &found, folder, err);
}
