/* Migrations: numbered SQL texts, applied once each, in order, all or none. */
#include "store/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "store/driver.h"
#include "store/token.h"
#include "tls/random.h"

/* muster_migration holds one row per applied migration, with the SHA-256 of its text. First the list is compared
 * with the rows: one that was edited or is missing stops everything, for the tables would no longer be what the code
 * believes. Then the rest runs, statement by statement, in one transaction together with its rows.
 *
 * Rows beyond the list's end are the schema of a newer version. They are undone by the texts that were kept with them,
 * newest first, or stay ahead when all of them are additive; otherwise the older version can't run. The host's second
 * migration made the columns for that: until it has run, nothing is known to be additive and nothing has a way back.
 *
 * The guard confines each statement of a plugin, those that undo too. Two ways out of the plugin's own names lie behind
 * it and are checked at the end: ALTER TABLE … RENAME TO, whose new name the authorizer is not shown, and REFERENCES to
 * another owner's table. */

static const char create[] =
    "CREATE TABLE IF NOT EXISTS muster_migration(id INTEGER PRIMARY KEY, owner TEXT NOT NULL, "
    "number INTEGER NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, applied_at INTEGER NOT NULL, "
    "UNIQUE(owner, number)) STRICT";

/* What stands in the database of one owner, beside the list. */
struct history {
    int applied; /* rows: as many of the list's first are among them, unchanged */
    /* Of the rows beyond the list, or of the list's beyond the rows: */
    int undo;          /* so many newest have a way back, and can go */
    bool fixed;        /* one of them is not additive */
    char missing[100]; /* the first that is not additive */
    char stuck[100];   /* the first without a way back, though not all down to it are additive */
};

static bool is_host(const char *owner)
{
    return strcmp(owner, "muster") == 0;
}

static void hash_of(const struct migration *m, unsigned char out[SHA256_BYTES])
{
    sha256(&m->sql, 1, out);
}

/* -- what has been applied -- */

enum { NO_TABLE = 0, OLD_COLUMNS = 6 };

/* Its columns: none, as in the first edition, or more, with those of the way back. */
static int count_columns(struct store *s, struct err *err)
{
    struct value count;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT count(*) FROM pragma_table_info('muster_migration')"), NULL, 0, &count,
                         &keep, err);
    buf_close(&keep);
    return rv < 0 ? rv : (int)count.i;
}

/* Take one more beyond the common end, in order of numbers. */
static void look_back(struct history *h, struct slice name, bool additive, bool down)
{
    if (!additive && !h->fixed) {
        h->fixed = true;
        snprintf(h->missing, sizeof(h->missing), "%.*s", (int)utf8_cut(name, sizeof(h->missing) - 1), name.data);
    }
    h->undo = down ? h->undo + 1 : 0;
    if (!down && h->fixed && !h->stuck[0]) {
        snprintf(h->stuck, sizeof(h->stuck), "%.*s", (int)utf8_cut(name, sizeof(h->stuck) - 1), name.data);
    }
}

/* One applied row against the list's migration of the same number. */
static int compare_row(const struct value *name, const struct value *hash, const char *owner, const struct migration *m,
                       struct err *err)
{
    unsigned char wanted[SHA256_BYTES];
    hash_of(m, wanted);
    if (hash->s.len == sizeof(wanted) && memcmp(hash->s.data, wanted, sizeof(wanted)) == 0) {
        return 0;
    }
    return err_rule(
        err, ERR_CONFLICT, "migration.changed", NULL,
        "migration %.*s of %s has changed since it was applied: restore its text and put the change into a new one",
        (int)name->s.len, name->s.data, owner);
}

static int look_at_row(struct cursor *c, const char *owner, const struct migration *list, int count, struct history *h,
                       struct err *err)
{
    struct value number;
    struct value name;
    struct value hash;
    struct value additive;
    struct value down;
    cursor_value(c, 0, &number);
    cursor_value(c, 1, &name);
    cursor_value(c, 2, &hash);
    cursor_value(c, 3, &additive);
    cursor_value(c, 4, &down);
    if (number.i != ++h->applied) {
        return err_rule(err, ERR_CONFLICT, "migration.missing", NULL,
                        "of %s migration number %d should stand in the database, but %.*s does", owner, h->applied,
                        (int)name.s.len, name.s.data);
    }
    if (h->applied <= count) {
        return compare_row(&name, &hash, owner, &list[h->applied - 1], err);
    }
    look_back(h, name.s, additive.i != 0, down.i != 0);
    return 0;
}

/* Numbered without holes, and nothing in the texts that undo them that the linter refuses: better seen now than when
 * they are needed. */
static int check_list(const char *owner, const struct migration *list, int count, struct err *err)
{
    for (int i = 0; i < count; i++) {
        struct slice rest = list[i].down;
        if (list[i].number != i + 1) {
            return err_rule(err, ERR_ARG, "migration.number", NULL, "migration %s of %s should be number %d",
                            list[i].name, owner, i + 1);
        }
        for (size_t len; !is_host(owner) && (len = guard_statement(rest)) > 0; rest.data += len, rest.len -= len) {
            struct err why = {0};
            int rv = guard_lint((struct slice){rest.data, len}, GUARD_MIGRATION, &why);
            if (rv < 0) {
                return err_rule(err, rv, why.rule, NULL, "migration %s.down of %s: %s", list[i].name, owner, why.text);
            }
        }
    }
    return 0;
}

/* Read what is applied, and compare it with the list. 0 or an error. */
static int read_history(struct store *s, const char *owner, const struct migration *list, int count, struct history *h,
                        struct err *err)
{
    static const struct slice sql = SLICE("SELECT number, name, hash, additive, down IS NOT NULL AND length(down) > 0 "
                                          "FROM muster_migration WHERE owner = ? ORDER BY number");
    static const struct slice old_sql =
        SLICE("SELECT number, name, hash, 0, 0 FROM muster_migration WHERE owner = ? ORDER BY number");
    const struct value args[] = {value_cstr(owner)};
    struct cursor *c = NULL;
    *h = (struct history){0};
    int rv = check_list(owner, list, count, err);
    rv = rv == 0 ? count_columns(s, err) : rv;
    if (rv == NO_TABLE || rv < 0) {
        return rv;
    }
    rv = store_query(s, NULL, rv == OLD_COLUMNS ? old_sql : sql, args, 1, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        rv = look_at_row(c, owner, list, count, h, err);
    }
    cursor_close(c);
    return rv;
}

/* Going forward: what is beyond the list's end must be additive. */
static int check_ahead(const char *owner, const struct history *h, struct err *err)
{
    return h->fixed ? err_rule(err, ERR_CONFLICT, "migration.missing", NULL,
                               "migration %s of %s was applied but is missing here: install a version that has it",
                               h->missing, owner)
                    : 0;
}

/* Going back: what can't be undone must be additive. */
static int check_behind(const char *owner, const struct history *h, struct err *err)
{
    return h->stuck[0] ? err_rule(err, ERR_POLICY, "migration.one_way", NULL,
                                  "migration %s of %s can't be undone: it came without a %s.down.sql, and %s is more "
                                  "than new tables, indexes and columns, so the tables can't stay as they are either",
                                  h->stuck, owner, h->stuck, strcmp(h->stuck, h->missing) == 0 ? "it" : h->missing)
                       : 0;
}

int migrate_pending(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    struct history h;
    int rv = read_history(s, owner, list, count, &h, err);
    rv = rv == 0 ? check_ahead(owner, &h, err) : rv;
    return rv < 0 ? rv : count > h.applied ? count - h.applied : 0;
}

int migrate_steps(struct store *s, const char *owner, const struct migration *list, int count, int *steps,
                  struct err *err)
{
    struct history h;
    *steps = 0;
    int rv = read_history(s, owner, list, count, &h, err);
    rv = rv == 0 ? check_behind(owner, &h, err) : rv;
    if (rv == 0) {
        *steps = count > h.applied ? count - h.applied : -h.undo;
    }
    return rv;
}

int migrate_check_back(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    struct history h;
    int rv = read_history(s, owner, list, count, &h, err);
    if (rv < 0 || h.applied >= count) {
        return rv;
    }
    for (int i = h.applied; i < count; i++) {
        look_back(&h, slice_of(list[i].name), migration_additive(&list[i]), list[i].down.len > 0);
    }
    return h.stuck[0] ? err_rule(err, ERR_POLICY, "migration.one_way", NULL,
                                 "migration %s of %s can't be gone back from: add %s.down.sql, which undoes it, or do "
                                 "with new tables, indexes and columns alone%s%s",
                                 h.stuck, owner, h.stuck, strcmp(h.stuck, h.missing) == 0 ? "" : " in ",
                                 strcmp(h.stuck, h.missing) == 0 ? "" : h.missing)
                      : 0;
}

/* -- applying -- */

/* Name the migration and the line before the reason. */
static int explain(struct err *err, const char *owner, const struct migration *m, size_t offset)
{
    if (!err) {
        return ERR_POLICY;
    }
    const struct err why = *err;
    int line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += m->sql.data[i] == '\n';
    }
    return err_rule(err, why.code, why.rule[0] ? why.rule : NULL, NULL, "migration %s of %s, line %d: %.*s", m->name,
                    owner, line, (int)utf8_cut(slice_of(why.text), 480), why.text);
}

/* Blanks and comments before a statement: the line of an error is the statement's. */
static size_t first_token(struct slice sql)
{
    struct slice rest = sql;
    struct token t = token_next(&rest);
    return (size_t)(t.text.data - sql.data);
}

/* Run all statements of m->sql. */
static int run_all(struct store *s, const char *owner, const struct migration *m, struct err *err)
{
    struct slice rest = m->sql;
    struct err why = {0};
    for (;;) {
        size_t len = guard_statement(rest);
        if (len == 0) {
            return 0;
        }
        const struct statement st = {is_host(owner) ? NULL : owner, GUARD_MIGRATION, {rest.data, len}, NULL, 0, false};
        int rv = s->driver->exec(s, &st, NULL, &why);
        if (rv < 0) {
            explain(&why, owner, m, (size_t)(rest.data - m->sql.data) + first_token(rest));
            if (err) {
                *err = why;
            }
            return rv;
        }
        rest.data += len;
        rest.len -= len;
    }
}

static int keep_row(struct store *s, const char *owner, const struct migration *m, struct err *err)
{
    unsigned char hash[SHA256_BYTES];
    hash_of(m, hash);
    const struct value args[] = {
        value_cstr(owner),         value_int(m->number),
        value_cstr(m->name),       {.type = VALUE_BLOB, .s = {(const char *)hash, sizeof(hash)}},
        value_int(clock_now_ms()),
    };
    return store_run(s, "INSERT INTO muster_migration(owner, number, name, hash, applied_at) VALUES(?, ?, ?, ?, ?)",
                     args, 5, err);
}

/* -- what the guard cannot see -- */

/* How many tables and indexes are not this owner's. */
static int count_foreign(struct store *s, const char *prefix, int64_t *out, struct err *err)
{
    static const struct slice sql = SLICE("SELECT count(*) FROM sqlite_schema WHERE substr(name, 1, length(?)) <> ? "
                                          "AND substr(name, 1, 7) <> 'sqlite_'");
    const struct value args[] = {value_cstr(prefix), value_cstr(prefix)};
    struct value v;
    struct buf keep = {0};
    int rv = store_value(s, NULL, sql, args, 2, &v, &keep, err);
    *out = v.i;
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

static int check_references(struct store *s, const char *owner, const char *prefix, struct err *err)
{
    static const struct slice sql =
        SLICE("SELECT m.name || ' to ' || f.\"table\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f "
              "WHERE m.type = 'table' AND substr(m.name, 1, length(?)) = ? "
              "AND substr(lower(f.\"table\"), 1, length(?)) <> ?");
    const struct value p = value_cstr(prefix);
    const struct value args[] = {p, p, p, p};
    struct value v;
    struct buf keep = {0};
    int rv = store_value(s, NULL, sql, args, 4, &v, &keep, err);
    if (rv == 1) {
        rv = err_rule(
            err, ERR_POLICY, "sql.references", NULL,
            "%s: the reference from %.*s leaves the plugin's own tables: keep the code or number without REFERENCES",
            owner, (int)v.s.len, v.s.data);
    }
    buf_close(&keep);
    return rv;
}

static int check_end(struct store *s, const char *owner, const char *prefix, int64_t foreign_before, struct err *err)
{
    int64_t foreign = 0;
    int rv = count_foreign(s, prefix, &foreign, err);
    if (rv == 0 && foreign != foreign_before) {
        rv = err_rule(err, ERR_POLICY, "sql.name", NULL,
                      "%s: a table was renamed to a name that does not begin with %s", owner, prefix);
    }
    return rv == 0 ? check_references(s, owner, prefix, err) : rv;
}

/* Keep what is known of the way back with the rows of the list: of new ones, of those that an older program wrote, and
 * of those that came with a better text. Returns how many rows changed, or an error. */
static int keep_ways(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    static const struct slice sql = SLICE("UPDATE muster_migration SET additive = ?, down = ? WHERE owner = ? AND "
                                          "number = ? AND (additive <> ? OR down IS DISTINCT FROM ?)");
    int64_t changes = 0;
    int64_t all = 0;
    int rv = count_columns(s, err);
    bool possible = rv > OLD_COLUMNS;
    for (int i = 0; rv >= 0 && possible && i < count; i++) {
        const struct value additive = value_int(migration_additive(&list[i]));
        const struct value down =
            list[i].down.len > 0 ? (struct value){.type = VALUE_TEXT, .s = list[i].down} : value_null();
        const struct value args[] = {additive, down, value_cstr(owner), value_int(list[i].number), additive, down};
        rv = store_exec(s, NULL, sql, args, 6, &changes, err);
        all += changes;
    }
    return rv < 0 ? rv : (int)all;
}

/* Run the text kept with the newest row, and take the row away. */
static int undo_newest(struct store *s, const char *owner, struct err *err)
{
    static const struct slice sql =
        SLICE("SELECT number, name, down FROM muster_migration WHERE owner = ? ORDER BY number DESC LIMIT 1");
    const struct value args[] = {value_cstr(owner)};
    struct cursor *c = NULL;
    struct value row[3];
    int rv = store_query(s, NULL, sql, args, 1, &c, err);
    rv = rv == 0 ? cursor_step(c, err) : rv;
    if (rv != 1) {
        cursor_close(c);
        return rv < 0 ? rv : err_set(err, ERR_INTERNAL, "%s has no migration to undo", owner);
    }
    for (int i = 0; i < 3; i++) {
        cursor_value(c, i, &row[i]);
    }
    struct buf name = {0};
    buf_fmt(&name, "%.*s.down", (int)row[1].s.len, row[1].s.data);
    char *text = mem_dup_slice(row[2].s);
    const struct value where[] = {value_cstr(owner), row[0]};
    cursor_close(c); /* tables can't be dropped under an open query */
    const struct migration undo = {.name = buf_cstr(&name), .sql = slice_of(text)};
    rv = run_all(s, owner, &undo, err);
    rv = rv == 0 ? store_run(s, "DELETE FROM muster_migration WHERE owner = ? AND number = ?", where, 2, err) : rv;
    free(text);
    buf_close(&name);
    return rv;
}

/* Forward, or back if `back` allows it. Returns how many were applied or undone; `*kept`: how many rows changed
 * besides. */
static int change(struct store *s, const char *owner, const struct migration *list, int count, bool back, int *kept,
                  struct err *err)
{
    char prefix[80];
    int64_t foreign = 0;
    struct history h;
    snprintf(prefix, sizeof(prefix), "%s_", owner);
    int rv = store_run(s, create, NULL, 0, err);
    rv = rv == 0 ? read_history(s, owner, list, count, &h, err) : rv;
    rv = rv == 0 ? (back ? check_behind(owner, &h, err) : check_ahead(owner, &h, err)) : rv;
    rv = rv == 0 ? count_foreign(s, prefix, &foreign, err) : rv;
    if (rv < 0) {
        return rv;
    }
    const int undo = back ? h.undo : 0;
    for (int i = 0; rv == 0 && i < undo; i++) {
        rv = undo_newest(s, owner, err);
    }
    for (int i = h.applied; rv == 0 && i < count; i++) {
        rv = run_all(s, owner, &list[i], err);
        rv = rv == 0 ? keep_row(s, owner, &list[i], err) : rv;
    }
    const int steps = undo + (count > h.applied ? count - h.applied : 0);
    if (rv == 0 && steps > 0 && !is_host(owner)) {
        rv = check_end(s, owner, prefix, foreign, err);
    }
    rv = rv == 0 ? keep_ways(s, owner, list, count, err) : rv;
    *kept = rv > 0 ? rv : 0;
    return rv < 0 ? rv : steps;
}

int migrate(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    if (s->role != STORE_WRITER || s->batch || s->reading) {
        return err_set(err, ERR_STATE, "migrations run on the writer's connection, outside of a batch or read");
    }
    store_limits(s, 0, 0, 0);
    int rv = s->driver->begin(s, true, err);
    if (rv != STORE_OK) {
        return rv < 0 ? rv : err_set(err, ERR_STATE, "migrate %s: this lane has lost its right to write", owner);
    }
    /* Injected faults are for batches, and are counted there. */
    struct faults *faults = s->faults;
    int kept = 0;
    s->faults = NULL;
    s->batch = true;
    int applied = change(s, owner, list, count, false, &kept, err);
    if (applied > 0 || (applied == 0 && kept > 0)) {
        rv = s->driver->commit(s, err);
        if (rv > 0) {
            rv = err_set(err, ERR_BUSY, "migrate %s: the database is busy; try again", owner);
        }
    } else {
        s->driver->rollback(s);
    }
    s->batch = false;
    s->faults = faults;
    return applied >= 0 && rv < 0 ? rv : applied;
}

int migrate_within(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    int kept = 0;
    if (s->level == 0 || !store_batch_alive(s)) {
        return err_set(err, ERR_STATE, "migrate %s: no command is open on the writer's connection", owner);
    }
    if (s->doom) {
        return err_rule(err, ERR_STATE, "sql.doomed", NULL, "an earlier SQL error has doomed this command");
    }
    int rv = change(s, owner, list, count, true, &kept, err);
    if (rv < 0 && s->doom == 0) {
        s->doom = s->level; /* half of it may stand until the command is rolled back */
    }
    return rv;
}
