/* Migrations: applied once, in order, all or none, confined to their owner's names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/migrate.h"
#include "store/store.h"

struct place {
    char folder[64];
    char path[96];
    struct store *s;
    struct err err;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    strcpy(p->folder, "/tmp/muster-migrate-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof(p->path), "%s/muster.db", p->folder);
    const struct store_options options = {.path = p->path};
    assert_int_equal(store_open(&options, STORE_WRITER, &p->s, NULL), 0);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    struct place *p = *state;
    char path[128];
    store_close(p->s);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    rmdir(p->folder);
    free(p);
    return 0;
}

static struct migration step(int number, const char *sql)
{
    static const char *const names[] = {"000", "001_first", "002_second", "003_third"};
    return (struct migration){.number = number, .name = names[number], .sql = slice_of(sql)};
}

static int64_t number(struct place *p, const char *sql)
{
    struct value v;
    struct buf keep = {0};
    assert_true(store_value(p->s, NULL, slice_of(sql), NULL, 0, &v, &keep, &p->err) >= 0);
    buf_close(&keep);
    return v.i;
}

static int64_t objects(struct place *p)
{
    return number(p, "SELECT count(*) FROM sqlite_schema");
}

static const char first[] =
    "-- The notes.\nCREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n"
    "CREATE INDEX notes_by_text ON notes_note(text);\nINSERT INTO notes_note(text) VALUES('; first');\n";
static const char second[] = "ALTER TABLE notes_note ADD COLUMN size INTEGER NOT NULL DEFAULT 0 CHECK (size > -1);\n"
                             "UPDATE notes_note SET size = length(text);";
static const char third[] =
    "ALTER TABLE notes_note RENAME COLUMN size TO length;\nALTER TABLE notes_note DROP COLUMN length;\n"
    "DROP INDEX notes_by_text;\nALTER TABLE notes_note RENAME TO notes_entry;\n"
    "CREATE UNIQUE INDEX notes_entry_text ON notes_entry(lower(text)) WHERE id > 0";

static void each_is_applied_once_and_in_order(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {step(1, first), step(2, second), step(3, third)};
    assert_int_equal(migrate_pending(p->s, "notes", list, 3, &p->err), 3);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), 1);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), 0);
    assert_int_equal(migrate_pending(p->s, "notes", list, 3, &p->err), 2);
    assert_int_equal(migrate(p->s, "notes", list, 3, &p->err), 2);
    assert_int_equal(migrate(p->s, "notes", list, 3, &p->err), 0);
    assert_int_equal(number(p, "SELECT count(*) FROM notes_entry WHERE text = '; first'"), 1);
    assert_int_equal(number(p, "SELECT max(number) FROM muster_migration WHERE owner = 'notes'"), 3);
    assert_int_equal(number(p, "SELECT min(length(hash)) FROM muster_migration"), 32);
}

static void host_has_all_its_tables(void **state)
{
    struct place *p = *state;
    assert_true(migrate_host(p->s, &p->err) > 0);
    assert_int_equal(migrate_host(p->s, &p->err), 0);
    assert_int_equal(
        number(
            p,
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('muster_user', 'muster_cert', 'muster_token', 'muster_role', "
            "'muster_grant', 'muster_unit', 'muster_done', 'muster_audit', 'muster_series', 'muster_setting', 'muster_event')"),
        11);
    assert_int_equal(
        number(p, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 "
                  "AND name <> 'sqlite_schema'"),
        0);
}

static void edited_migration_is_a_conflict(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {step(1, first), step(2, second)};
    const struct migration edited[] = {step(1, "-- Only a comment was added.\n"), step(2, second)};
    assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), 2);
    assert_int_equal(migrate(p->s, "notes", edited, 2, &p->err), ERR_CONFLICT);
    assert_string_equal(p->err.rule, "migration.changed");
    assert_non_null(strstr(p->err.text, "001_first"));
    assert_int_equal(migrate_pending(p->s, "notes", edited, 2, &p->err), ERR_CONFLICT);
}

static void missing_migration_is_a_conflict(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {step(1, first), step(2, second)};
    assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), 2);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), ERR_CONFLICT);
    assert_string_equal(p->err.rule, "migration.missing");
    assert_non_null(strstr(p->err.text, "002_second"));
    assert_int_equal(migrate_pending(p->s, "notes", NULL, 0, &p->err), ERR_CONFLICT);
    /* Another owner's history is another matter. */
    assert_int_equal(migrate_pending(p->s, "note", NULL, 0, &p->err), 0);
}

static void numbers_have_no_holes(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {step(1, first), step(3, second)};
    assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), ERR_ARG);
    assert_int_equal(objects(p), 0);
}

/* The second of three fails in its second statement: nothing of any stands, and the error says where. */
static void failed_migration_changes_nothing(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {
        step(1, first),
        step(2, "ALTER TABLE notes_note ADD COLUMN a TEXT;\n\n-- here\nINSERT INTO\n nowhere VALUES(1);"),
        step(3, third)};
    assert_int_equal(migrate(p->s, "notes", list, 3, &p->err), ERR_ARG);
    assert_non_null(strstr(p->err.text, "002_second of notes, line 4"));
    assert_int_equal(objects(p), 0);
    /* The connection is as good as before. */
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), 1);
    assert_int_equal(migrate(p->s, "notes", list, 3, &p->err), ERR_ARG);
    assert_int_equal(number(p, "SELECT count(*) FROM pragma_table_info('notes_note')"), 2);
    assert_int_equal(migrate_pending(p->s, "notes", list, 3, &p->err), 2);
}

/* Each leaves the plugin's own names in some way. */
static void plugin_stays_inside_its_own_names(void **state)
{
    static const struct {
        const char *sql;
        const char *rule;
    } rows[] = {
        {"CREATE TABLE other_x(a TEXT) STRICT", "sql.name"},
        {"CREATE TABLE notesx(a TEXT) STRICT", "sql.name"},
        {"CREATE TABLE muster_x(a TEXT) STRICT", "sql.name"},
        {"CREATE TABLE \"notes_x y\"(a TEXT) STRICT", "sql.name"},
        {"CREATE TABLE notes_X(a TEXT) STRICT", "sql.name"},
        {"CREATE TABLE notes_x(a TEXT)", "sql.strict"},
        {"CREATE INDEX by_text ON notes_note(text)", "sql.name"},
        {"CREATE INDEX notes_i ON muster_user(name)", "sql.name"},
        {"DROP TABLE muster_user", "sql.name"},
        {"DROP INDEX muster_grant_user", "sql.name"},
        {"ALTER TABLE muster_user ADD COLUMN x TEXT", "sql.name"},
        {"ALTER TABLE notes_note RENAME TO muster_x", "sql.name"},
        {"ALTER TABLE notes_note RENAME TO other_x", "sql.name"},
        {"INSERT INTO notes_note(text) SELECT name FROM muster_user", "sql.table"},
        {"INSERT INTO notes_note(text) SELECT sql FROM sqlite_schema", "sql.table"},
        {"UPDATE muster_user SET admin = 1", "sql.table"},
        {"CREATE TABLE notes_x(a INTEGER REFERENCES muster_user(id)) STRICT", "sql.references"},
        {"ALTER TABLE notes_note ADD COLUMN u TEXT REFERENCES muster_unit(code)", "sql.references"},
        {"CREATE TABLE notes_x(a INTEGER DEFAULT (random())) STRICT", "sql.random"},
        {"CREATE INDEX notes_i ON notes_note(quote(text))", "sql.quote"},
        {"CREATE INDEX notes_i ON notes_note(soundex(text))", "sql.function"},
        {"PRAGMA foreign_keys = OFF", "sql.pragma"},
        {"COMMIT", "sql.commit"},
        {"INSERT OR ROLLBACK INTO notes_note(text) VALUES('x')", "sql.insert_or"},
    };
    struct place *p = *state;
    assert_true(migrate_host(p->s, &p->err) > 0);
    const int64_t before = objects(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct migration list[] = {step(1, first), step(2, rows[i].sql)};
        p->err = (struct err){0};
        int rv = migrate(p->s, "notes", list, 2, &p->err);
        if (rv != ERR_POLICY || strcmp(p->err.rule, rows[i].rule) != 0) {
            fail_msg("%s: %d %s: %s", rows[i].sql, rv, p->err.rule, p->err.text);
        }
        assert_int_equal(objects(p), before);
    }
}

static void references_among_own_tables_are_fine(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {
        step(1, first),
        step(2,
             "CREATE TABLE notes_part(id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes_note(id)) STRICT;"
             "INSERT INTO notes_part(note) SELECT id FROM notes_note")};
    assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), 2);
    assert_int_equal(number(p, "SELECT count(*) FROM notes_part"), 1);
}

static void migrations_run_outside_of_batches(void **state)
{
    struct place *p = *state;
    const struct migration list[] = {step(1, first)};
    assert_int_equal(store_batch_begin(p->s, &p->err), STORE_OK);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), ERR_STATE);
    store_batch_abort(p->s);
    struct store *r = NULL;
    const struct store_options options = {.path = p->path};
    assert_int_equal(store_open(&options, STORE_READER, &r, &p->err), 0);
    assert_int_equal(migrate(r, "notes", list, 1, &p->err), ERR_STATE);
    assert_int_equal(migrate_pending(r, "notes", list, 1, &p->err), 1);
    store_close(r);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(each_is_applied_once_and_in_order),
        CLAIM(host_has_all_its_tables),
        CLAIM(edited_migration_is_a_conflict),
        CLAIM(missing_migration_is_a_conflict),
        CLAIM(numbers_have_no_holes),
        CLAIM(failed_migration_changes_nothing),
        CLAIM(plugin_stays_inside_its_own_names),
        CLAIM(references_among_own_tables_are_fine),
        CLAIM(migrations_run_outside_of_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
