/* Migrations: numbered SQL texts, applied once each, in order, all or none. */
#include "store/migrate.h"

#include <stdio.h>
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
 * The guard confines each statement of a plugin. Two ways out of the plugin's own names lie behind it and are
 * checked at the end: ALTER TABLE … RENAME TO, whose new name the authorizer is not shown, and REFERENCES to another
 * owner's table. */

static const char create[] =
    "CREATE TABLE IF NOT EXISTS muster_migration(id INTEGER PRIMARY KEY, owner TEXT NOT NULL, "
    "number INTEGER NOT NULL, name TEXT NOT NULL, hash BLOB NOT NULL, applied_at INTEGER NOT NULL, "
    "UNIQUE(owner, number)) STRICT";

static bool is_host(const char *owner)
{
    return strcmp(owner, "muster") == 0;
}

static void hash_of(const struct migration *m, unsigned char out[SHA256_BYTES])
{
    sha256(&m->sql, 1, out);
}

/* -- what has been applied -- */

static int has_table(struct store *s, struct err *err)
{
    struct value found;
    struct buf keep = {0};
    int rv =
        store_value(s, NULL, SLICE("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'muster_migration'"),
                    NULL, 0, &found, &keep, err);
    buf_close(&keep);
    return rv;
}

/* One applied row against the list. */
static int compare_row(struct cursor *c, const char *owner, const struct migration *list, int count, int nth,
                       struct err *err)
{
    struct value number;
    struct value name;
    struct value hash;
    unsigned char wanted[SHA256_BYTES];
    cursor_value(c, 0, &number);
    cursor_value(c, 1, &name);
    cursor_value(c, 2, &hash);
    if (nth >= count || number.i != list[nth].number) {
        return err_rule(err, ERR_CONFLICT, "migration.missing", NULL,
                        "migration %.*s of %s was applied but is missing here: install a version that has it",
                        (int)name.s.len, name.s.data, owner);
    }
    hash_of(&list[nth], wanted);
    if (hash.s.len != sizeof(wanted) || memcmp(hash.s.data, wanted, sizeof(wanted)) != 0) {
        return err_rule(
            err, ERR_CONFLICT, "migration.changed", NULL,
            "migration %.*s of %s has changed since it was applied: restore its text and put the change into a new one",
            (int)name.s.len, name.s.data, owner);
    }
    return 0;
}

/* How many of the list are applied, all of them unchanged. */
static int compare(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    static const struct slice sql =
        SLICE("SELECT number, name, hash FROM muster_migration WHERE owner = ? ORDER BY number");
    const struct value args[] = {value_cstr(owner)};
    struct cursor *c = NULL;
    int applied = 0;
    for (int i = 0; i < count; i++) {
        if (list[i].number != i + 1) {
            return err_rule(err, ERR_ARG, "migration.number", NULL, "migration %s of %s should be number %d",
                            list[i].name, owner, i + 1);
        }
    }
    int rv = has_table(s, err);
    if (rv <= 0) {
        return rv;
    }
    rv = store_query(s, NULL, sql, args, 1, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        rv = compare_row(c, owner, list, count, applied, err);
        applied++;
    }
    cursor_close(c);
    return rv < 0 ? rv : applied;
}

int migrate_pending(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    int applied = compare(s, owner, list, count, err);
    return applied < 0 ? applied : count - applied;
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

static int apply(struct store *s, const char *owner, const struct migration *list, int count, struct err *err)
{
    char prefix[80];
    int64_t foreign = 0;
    snprintf(prefix, sizeof(prefix), "%s_", owner);
    int rv = store_run(s, create, NULL, 0, err);
    rv = rv == 0 ? compare(s, owner, list, count, err) : rv;
    const int applied = rv;
    if (rv < 0 || applied == count) {
        return rv < 0 ? rv : 0;
    }
    rv = count_foreign(s, prefix, &foreign, err);
    for (int i = applied; rv == 0 && i < count; i++) {
        rv = run_all(s, owner, &list[i], err);
        rv = rv == 0 ? keep_row(s, owner, &list[i], err) : rv;
    }
    if (rv == 0 && !is_host(owner)) {
        rv = check_end(s, owner, prefix, foreign, err);
    }
    return rv < 0 ? rv : count - applied;
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
    s->faults = NULL;
    s->batch = true;
    int applied = apply(s, owner, list, count, err);
    if (applied > 0) {
        rv = s->driver->commit(s, err);
        if (rv > 0) {
            rv = err_set(err, ERR_BUSY, "migrate %s: the database is busy; try again", owner);
        }
    } else {
        s->driver->rollback(s);
    }
    s->batch = false;
    s->faults = faults;
    return applied > 0 && rv < 0 ? rv : applied;
}
