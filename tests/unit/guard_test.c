/* The guard: the words of portable SQL, and whose tables a plugin's statement touches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/guard.h"
#include "store/migrate.h"
#include "store/store.h"
#include "store/token.h"

struct row {
    const char *sql;
    const char *rule; /* NULL: allowed */
};

/* What the linter says of a statement inside a command. */
static const struct row lint_rows[] = {
    {"SELECT 1", NULL},
    {"select id, text from notes_note where id = ? order by id desc nulls last limit 10 offset 5", NULL},
    {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n", NULL},
    {"WITH n AS (SELECT 1 AS i) INSERT INTO notes_note(text) SELECT 'x' FROM n RETURNING id", NULL},
    {"INSERT INTO notes_note(text) VALUES(?) ON CONFLICT (text) DO UPDATE SET size = excluded.size RETURNING id", NULL},
    {"INSERT INTO notes_note(text) VALUES(?) ON CONFLICT DO NOTHING;", NULL},
    {"UPDATE notes_note SET size = p.n FROM notes_part p WHERE p.note = notes_note.id", NULL},
    {"DELETE FROM notes_note WHERE id IN (SELECT id FROM notes_note ORDER BY id LIMIT 5)", NULL},
    {"SELECT count(*) FILTER (WHERE size > 1), row_number() OVER (ORDER BY id) FROM notes_note GROUP BY id HAVING count(*) > 1",
     NULL},
    {"SELECT replace(text, 'a', 'b'), coalesce(size, 0), nullif(size, 1), CAST(size AS TEXT) FROM notes_note", NULL},
    {"SELECT a.id FROM notes_note a LEFT JOIN notes_part b ON a.id = b.note WHERE b.id IS NULL AND a.size IS NOT NULL",
     NULL},
    {"SELECT 1 WHERE 'a' IS NOT DISTINCT FROM 'b' AND TRUE IS TRUE AND 1 = 1", NULL},
    {"SELECT 'it''s -- no comment', \"text\" /* one ; comment */ FROM notes_note -- the end", NULL},
    {"SELECT min(size), max(size), max(coalesce(size, 1)) FROM notes_note", NULL},
    {"SELECT 1.5e-3, .5, 12 FROM notes_note WHERE size BETWEEN 1 AND 2", NULL},
    {"SELECT 'insert or replace', 'PRAGMA', 'x''y' FROM notes_note", NULL},
    {"SELECT date, time, total, temp, trigger FROM notes_note", NULL},
    {"SELECT id FROM notes_note WHERE 1 < size AND 2 IN (1, 2) AND (size = 1 OR size = 2)", NULL},
    {"SELECT text FROM notes_note WHERE text LIKE ? ESCAPE '!'", NULL},
    {"INSERT INTO notes_note(text) SELECT text FROM notes_part LIMIT 1 RETURNING id, text", NULL},
    {"INSERT INTO notes_note(text) SELECT 'a' LIMIT ? ON CONFLICT (text) DO UPDATE SET size = 1, text = 'b'", NULL},
    {"SELECT (SELECT id FROM notes_note LIMIT 1), 2", NULL},
    {"SELECT 口罩 FROM notes_note", NULL},
    {"INSERT OR ROLLBACK INTO notes_note(text) VALUES(1)", "sql.insert_or"},
    {"insert  /* hidden */ or\nignore INTO notes_note(text) VALUES(1)", "sql.insert_or"},
    {"WITH n AS (SELECT 1) INSERT OR ABORT INTO notes_note(text) SELECT 1 FROM n", "sql.insert_or"},
    {"UPDATE OR FAIL notes_note SET size = 1", "sql.update_or"},
    {"REPLACE INTO notes_note(text) VALUES(1)", "sql.replace"},
    {"WITH n AS (SELECT 1) REPLACE INTO notes_note(text) SELECT 1 FROM n", "sql.replace"},
    {"INSERT INTO notes_note(text) VALUES(1) ON CONFLICT ROLLBACK", "sql.on_conflict"},
    {"SELECT rowid FROM notes_note", "sql.rowid"},
    {"SELECT n.\"RowId\" FROM notes_note n", "sql.rowid"},
    {"SELECT _rowid_ FROM notes_note", "sql.rowid"},
    {"SELECT oid FROM notes_note", "sql.rowid"},
    {"PRAGMA user_version", "sql.pragma"},
    {"ATTACH 'x' AS y", "sql.attach"},
    {"DETACH y", "sql.detach"},
    {"VACUUM", "sql.vacuum"},
    {"BEGIN", "sql.begin"},
    {"COMMIT", "sql.commit"},
    {"END", "sql.end"},
    {"ROLLBACK TO m", "sql.rollback"},
    {"SAVEPOINT m", "sql.savepoint"},
    {"RELEASE m", "sql.release"},
    {"ANALYZE", "sql.analyze"},
    {"REINDEX", "sql.reindex"},
    {"EXPLAIN SELECT 1", "sql.explain"},
    {"CREATE TABLE notes_x(id INTEGER) STRICT", "sql.create"},
    {"ALTER TABLE notes_note ADD COLUMN x TEXT", "sql.alter"},
    {"DROP TABLE notes_note", "sql.drop"},
    {"VALUES(1)", "sql.statement"},
    {"42", "sql.statement"},
    {"", "sql.empty"},
    {" ; ", "sql.empty"},
    {"/* only this */", "sql.empty"},
    {"SELECT 1; SELECT 2", "sql.many"},
    {"SELECT 1;;", "sql.many"},
    {"SELECT 1 WHERE text GLOB 'a*'", "sql.glob"},
    {"SELECT 1 WHERE text MATCH 'a'", "sql.match"},
    {"SELECT 1 WHERE text REGEXP 'a'", "sql.regexp"},
    {"SELECT text COLLATE NOCASE FROM notes_note", "sql.collate"},
    {"SELECT x'00'", "sql.literal"},
    {"SELECT E'a'", "sql.literal"},
    {"SELECT 0x10", "sql.number"},
    {"SELECT 1a", "sql.number"},
    {"SELECT ifnull(size, 0) FROM notes_note", "sql.ifnull"},
    {"SELECT IIF(size, 0, 1) FROM notes_note", "sql.iif"},
    {"SELECT instr(text, 'a') FROM notes_note", "sql.instr"},
    {"SELECT typeof (text) FROM notes_note", "sql.typeof"},
    {"SELECT group_concat(text) FROM notes_note", "sql.group_concat"},
    {"SELECT string_agg(text, ',') FROM notes_note", "sql.string_agg"},
    {"SELECT json_extract(text, '$.a') FROM notes_note", "sql.json"},
    {"SELECT \"json\"(text) FROM notes_note", "sql.json"},
    {"SELECT text ->> 'a' FROM notes_note", "sql.json"},
    {"SELECT text -> 'a' FROM notes_note", "sql.json"},
    {"SELECT datetime('now')", "sql.datetime"},
    {"SELECT date('now')", "sql.datetime"},
    {"SELECT strftime('%Y', 0)", "sql.strftime"},
    {"SELECT CURRENT_TIMESTAMP", "sql.now"},
    {"SELECT now()", "sql.now"},
    {"SELECT random()", "sql.random"},
    {"SELECT randomblob(9)", "sql.random"},
    {"SELECT total(size) FROM notes_note", "sql.total"},
    {"SELECT printf('%d', 1)", "sql.printf"},
    {"SELECT last_insert_rowid()", "sql.last_insert_rowid"},
    {"SELECT load_extension('x')", "sql.load_extension"},
    {"SELECT max(1, 2)", "sql.max"},
    {"SELECT min(size, (SELECT 1)) FROM notes_note", "sql.min"},
    {"SELECT id FROM notes_note LIMIT -1", "sql.limit"},
    {"SELECT id FROM notes_note LIMIT 5, 10", "sql.limit"},
    {"SELECT id FROM notes_note LIMIT (5), ?", "sql.limit"},
    {"DELETE FROM notes_note LIMIT 1", "sql.limit"},
    {"DELETE FROM notes_note WHERE id > 1 ORDER BY id LIMIT 1", "sql.limit"},
    {"UPDATE notes_note SET size = 1 LIMIT 1", "sql.limit"},
    {"SELECT id FROM notes_note WHERE 1", "sql.where"},
    {"SELECT id FROM notes_note WHERE 1 ORDER BY id", "sql.where"},
    {"SELECT (SELECT id FROM notes_note WHERE 1)", "sql.where"},
    {"SELECT id FROM notes_note WHERE text IS 'x'", "sql.is"},
    {"SELECT id FROM notes_note WHERE size IS NOT 1", "sql.is"},
    {"SELECT id FROM notes_note WHERE size IS ?", "sql.is"},
    {"SELECT id FROM notes_note WHERE size ISNULL", "sql.isnull"},
    {"SELECT id FROM notes_note WHERE size == 1", "sql.equals"},
    {"SELECT id FROM notes_note INDEXED BY notes_i", "sql.indexed"},
    {"SELECT id FROM notes_note WHERE id = ?1", "sql.parameter"},
    {"SELECT id FROM notes_note WHERE id = :id", "sql.parameter"},
    {"SELECT id FROM notes_note WHERE id = @id", "sql.parameter"},
    {"SELECT [id] FROM notes_note", "sql.syntax"},
    {"SELECT `id` FROM notes_note", "sql.syntax"},
    {"SELECT 'never ends", "sql.syntax"},
    {"SELECT \"never ends", "sql.syntax"},
    {"SELECT 1 /* never ends", "sql.syntax"},
    {"SELECT 1 /* a /* nested */ one */", "sql.syntax"},
    {"SELECT \\", "sql.syntax"},
    {"SELECT '\xff'", "sql.utf8"},
};

static const struct row migration_rows[] = {
    {"CREATE TABLE notes_x(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT '', b REAL, c BLOB, CHECK (length(a) < 9)) STRICT",
     NULL},
    {"CREATE INDEX notes_i ON notes_x(lower(a)) WHERE b > 1;", NULL},
    {"CREATE UNIQUE INDEX IF NOT EXISTS notes_i ON notes_x(a)", NULL},
    {"ALTER TABLE notes_x ADD COLUMN d TEXT", NULL},
    {"ALTER TABLE notes_x RENAME COLUMN d TO e", NULL},
    {"DROP TABLE IF EXISTS notes_x", NULL},
    {"DROP INDEX notes_i", NULL},
    {"INSERT INTO notes_x(a) SELECT text FROM notes_note", NULL},
    {"CREATE TABLE notes_x(id INTEGER PRIMARY KEY)", "sql.strict"},
    {"CREATE TABLE notes_x(id INTEGER PRIMARY KEY, strict TEXT)", "sql.strict"},
    {"CREATE TABLE notes_x(id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT", "sql.autoincrement"},
    {"CREATE TABLE notes_x(id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID", "sql.without"},
    {"CREATE TABLE notes_x AS SELECT 1 AS a", "sql.create"},
    {"CREATE TABLE notes_x(a ANY) STRICT", "sql.type"},
    {"CREATE TABLE notes_x(a INT) STRICT", "sql.type"},
    {"CREATE TABLE notes_x(a TEXT UNIQUE ON CONFLICT ROLLBACK) STRICT", "sql.on_conflict"},
    {"CREATE TABLE notes_x(a INTEGER REFERENCES notes_y(id) DEFERRABLE INITIALLY DEFERRED) STRICT", "sql.deferrable"},
    {"CREATE TABLE notes_x(a TEXT COLLATE NOCASE) STRICT", "sql.collate"},
    {"CREATE TABLE notes_x(a INTEGER, b INTEGER GENERATED ALWAYS AS (a) VIRTUAL) STRICT", "sql.virtual"},
    {"CREATE TABLE notes_x(at INTEGER DEFAULT CURRENT_TIMESTAMP) STRICT", "sql.now"},
    {"CREATE TABLE notes_x(at INTEGER DEFAULT (random())) STRICT", "sql.random"},
    {"CREATE TEMP TABLE notes_x(a TEXT) STRICT", "sql.create"},
    {"CREATE VIEW notes_v AS SELECT 1", "sql.create"},
    {"CREATE TRIGGER notes_t AFTER INSERT ON notes_x BEGIN SELECT 1", "sql.create"},
    {"CREATE VIRTUAL TABLE notes_f USING fts5(a)", "sql.virtual"},
    {"DROP VIEW notes_v", "sql.drop"},
    {"DROP TRIGGER notes_t", "sql.drop"},
    {"PRAGMA writable_schema = 1", "sql.pragma"},
    {"COMMIT", "sql.commit"},
};

static void check_lint(const struct row *rows, size_t count, enum guard_use use)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        int rv = guard_lint(slice_of(rows[i].sql), use, &err);
        if (rv != (rows[i].rule ? ERR_POLICY : 0) || strcmp(err.rule, rows[i].rule ? rows[i].rule : "") != 0) {
            fail_msg("%s: expected %s, got %s: %s", rows[i].sql, rows[i].rule ? rows[i].rule : "nothing", err.rule,
                     err.text);
        }
    }
}

static void linter_knows_the_portable_subset(void **state)
{
    (void)state;
    check_lint(lint_rows, sizeof(lint_rows) / sizeof(lint_rows[0]), GUARD_COMMAND);
    check_lint(migration_rows, sizeof(migration_rows) / sizeof(migration_rows[0]), GUARD_MIGRATION);
}

static void refusal_says_what_to_write_instead(void **state)
{
    struct err err = {0};
    (void)state;
    assert_int_equal(guard_lint(SLICE("INSERT OR IGNORE INTO notes_note(text) VALUES(?)"), GUARD_COMMAND, &err),
                     ERR_POLICY);
    assert_non_null(strstr(err.text, "ON CONFLICT"));
    assert_int_equal(guard_lint(SLICE("SELECT ifnull(a, b) FROM notes_note"), GUARD_COMMAND, &err), ERR_POLICY);
    assert_non_null(strstr(err.text, "coalesce"));
    assert_int_equal(guard_lint(SLICE("SELECT 1"), GUARD_COMMAND, NULL), 0);
    assert_int_equal(guard_lint(SLICE("VACUUM"), GUARD_COMMAND, NULL), ERR_POLICY);
}

static void long_statements_are_refused(void **state)
{
    struct buf sql = {0};
    struct err err = {0};
    (void)state;
    buf_text(&sql, "SELECT 1");
    while (sql.len < 100 * 1024) {
        buf_text(&sql, "+1");
    }
    assert_int_equal(guard_lint(buf_view(&sql), GUARD_COMMAND, &err), ERR_POLICY);
    assert_string_equal(err.rule, "sql.length");
    while (sql.len < 300 * 1024) {
        buf_text(&sql, "                    ");
    }
    assert_int_equal(guard_lint(buf_view(&sql), GUARD_COMMAND, &err), ERR_POLICY);
    buf_close(&sql);
}

static void statements_are_cut_at_semicolons(void **state)
{
    const char *sql =
        "CREATE TABLE a(b TEXT DEFAULT ';'); -- a ; here\n /* ; */ INSERT INTO a VALUES('x;''y') ;\n -- end\n";
    struct slice rest = slice_of(sql);
    (void)state;
    size_t first = guard_statement(rest);
    assert_int_equal(first, strlen("CREATE TABLE a(b TEXT DEFAULT ';');"));
    rest = (struct slice){rest.data + first, rest.len - first};
    size_t second = guard_statement(rest);
    assert_int_equal(second, strlen(" -- a ; here\n /* ; */ INSERT INTO a VALUES('x;''y') ;"));
    rest = (struct slice){rest.data + second, rest.len - second};
    assert_int_equal(guard_statement(rest), 0);
    assert_int_equal(guard_statement(SLICE("SELECT 1")), 8);
    assert_int_equal(guard_statement(SLICE("SELECT 'open")), 12);
    assert_int_equal(guard_statement(SLICE("")), 0);
}

static void tables_belong_to_the_plugin_of_their_prefix(void **state)
{
    (void)state;
    assert_true(guard_may_write("fund", "fund_gift"));
    assert_true(guard_may_read("fund", "FUND_gift"));
    assert_false(guard_may_write("fund", "fund"));
    assert_false(guard_may_write("fund", "fund_"));
    assert_false(guard_may_write("fund", "funds_gift"));
    assert_false(guard_may_write("fund", "org_unit"));
    assert_false(guard_may_write("fund", "muster_unit"));
    assert_true(guard_may_read("fund", "muster_unit"));
    assert_false(guard_may_read("fund", "muster_user"));
    assert_false(guard_may_read("muster", "muster_user"));
    assert_false(guard_may_read("sqlite", "sqlite_schema"));
    assert_false(guard_may_write("", "_x"));
}

/* -- against the database: the authorizer, with the linter switched off so that it must hold alone -- */

static const struct row authorizer_rows[] = {
    {"SELECT id, text FROM notes_note", NULL},
    {"SELECT count(*) FROM notes_note", NULL},
    {"SELECT COUNT(*) FROM NOTES_NOTE", NULL},
    {"INSERT INTO notes_note(text) VALUES('a') RETURNING id, text", NULL},
    {"UPDATE notes_note SET text = 'b' WHERE text LIKE 'a%'", NULL},
    {"DELETE FROM notes_note", NULL},
    {"SELECT code, path, parent FROM muster_unit", NULL},
    {"SELECT count(*) FROM muster_unit", NULL},
    {"WITH open_list AS (SELECT id FROM notes_note) SELECT count(*) FROM open_list", NULL},
    {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i), min(i), avg(i) FROM n",
     NULL},
    {"SELECT count(*) FROM (SELECT 1 AS a) AS b", NULL},
    {"SELECT rank() OVER (ORDER BY id), lag(id) OVER (ORDER BY id), first_value(id) OVER (ORDER BY id) FROM notes_note",
     NULL},
    {"SELECT substr(text, 1), length(text), upper(text), lower(text), abs(1), round(1.5), trim(text), replace(text, 'a', 'b') FROM notes_note",
     NULL},
    {"SELECT id FROM muster_unit", "sql.table"},
    {"SELECT * FROM muster_unit", "sql.table"},
    {"INSERT INTO muster_unit(code, path) VALUES('a', 'b')", "sql.table"},
    {"UPDATE muster_unit SET path = '/'", "sql.table"},
    {"DELETE FROM muster_unit", "sql.table"},
    {"SELECT name FROM muster_user", "sql.table"},
    {"SELECT count(*) FROM muster_user", "sql.table"},
    {"SELECT count(*) FROM MUSTER_USER", "sql.table"},
    {"SELECT 1 FROM muster_user", "sql.table"},
    {"SELECT EXISTS (SELECT 1 FROM muster_token)", "sql.table"},
    {"WITH muster_user AS (SELECT 1) SELECT count(*) FROM muster_user", "sql.table"},
    {"INSERT INTO notes_note(text) SELECT hash FROM muster_token", "sql.table"},
    {"UPDATE notes_note SET text = u.password_hash FROM muster_user u", "sql.table"},
    {"DELETE FROM muster_audit", "sql.table"},
    {"SELECT secret FROM other_thing", "sql.table"},
    {"SELECT count(*) FROM other_thing", "sql.table"},
    {"INSERT INTO other_thing(secret) VALUES('x')", "sql.table"},
    {"SELECT name FROM sqlite_schema", "sql.table"},
    {"SELECT count(*) FROM sqlite_master", "sql.table"},
    {"SELECT name FROM temp.sqlite_master", "sql.table"},
    {"UPDATE sqlite_schema SET sql = ''", "sql.error"},
    {"INSERT INTO sqlite_schema(name) VALUES('x')", "sql.table"},
    {"SELECT rowid FROM notes_part", NULL}, /* its INTEGER PRIMARY KEY by another name; the linter refuses the word */
    {"SELECT rowid FROM notes_plain", "sql.rowid"},
    {"SELECT * FROM pragma_table_info('muster_user')", "sql.error"},
    {"SELECT count(*) FROM pragma_user_version", "sql.error"},
    {"SELECT * FROM dbstat", "sql.error"},
    {"SELECT count(*) FROM sqlite_stmt", "sql.error"},
    {"SELECT * FROM json_each('[1]')", "sql.error"},
    {"PRAGMA user_version = 3", "sql.pragma"},
    {"PRAGMA query_only = 0", "sql.pragma"},
    {"PRAGMA quick_check", "sql.pragma"},
    {"ATTACH ':memory:' AS x", "sql.guard"},
    {"DETACH main", "sql.guard"},
    {"BEGIN", "sql.guard"},
    {"COMMIT", "sql.guard"},
    {"ROLLBACK", "sql.guard"},
    {"SAVEPOINT m", "sql.guard"},
    {"RELEASE m", "sql.guard"},
    {"ROLLBACK TO m", "sql.guard"},
    {"ANALYZE", "sql.table"},
    {"REINDEX notes_note", "sql.reindex"},
    {"CREATE TABLE notes_x(a TEXT) STRICT", "sql.table"},
    {"CREATE TEMP TABLE notes_x(a TEXT)", "sql.table"},
    {"CREATE INDEX notes_i ON notes_note(size)", "sql.table"},
    {"CREATE VIEW notes_v AS SELECT 1", "sql.table"},
    {"CREATE TRIGGER notes_t AFTER INSERT ON notes_note BEGIN SELECT 1; END", "sql.guard"},
    {"CREATE VIRTUAL TABLE notes_f USING fts5(a)", "sql.table"},
    {"DROP TABLE notes_note", "sql.table"},
    {"ALTER TABLE notes_note ADD COLUMN x TEXT", "sql.ddl"},
    {"SELECT load_extension('x')", "sql.function"},
    {"SELECT readfile('/etc/passwd')", "sql.error"},
    {"SELECT random()", "sql.function"},
    {"SELECT json('1')", "sql.function"},
    {"SELECT datetime('now')", "sql.function"},
    {"SELECT total(size) FROM notes_note", "sql.function"},
    {"SELECT group_concat(text) FROM notes_note", "sql.function"},
    {"SELECT sqlite_version()", "sql.function"},
    {"SELECT last_insert_rowid()", "sql.function"},
    {"SELECT 1; DELETE FROM muster_user", "sql.many"},
};

struct place {
    char folder[64];
    char path[96];
    struct store *s;
};

static const char tables[] =
    "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER) STRICT;"
    "CREATE TABLE notes_part(id INTEGER PRIMARY KEY, note INTEGER) STRICT;"
    "CREATE TABLE notes_plain(a TEXT) STRICT;";
static const char other[] = "CREATE TABLE other_thing(id INTEGER PRIMARY KEY, secret TEXT) STRICT;";

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    const struct migration mine = {1, "001_tables", {tables, sizeof(tables) - 1}};
    const struct migration theirs = {1, "001_tables", {other, sizeof(other) - 1}};
    strcpy(p->folder, "/tmp/muster-guard-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof(p->path), "%s/muster.db", p->folder);
    const struct store_options options = {.path = p->path, .unsafe_sql = true};
    assert_int_equal(store_open(&options, STORE_WRITER, &p->s, NULL), 0);
    assert_true(migrate_host(p->s, NULL) > 0);
    assert_int_equal(migrate(p->s, "notes", &mine, 1, NULL), 1);
    assert_int_equal(migrate(p->s, "other", &theirs, 1, NULL), 1);
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

static void authorizer_confines_a_plugin_without_the_linter(void **state)
{
    struct place *p = *state;
    const struct store_request plain = {.user_id = 1};
    struct err err = {0};
    assert_int_equal(store_batch_begin(p->s, &err), STORE_OK);
    for (size_t i = 0; i < sizeof(authorizer_rows) / sizeof(authorizer_rows[0]); i++) {
        const struct row *row = &authorizer_rows[i];
        err = (struct err){0};
        assert_int_equal(store_command_begin(p->s, &plain, NULL, NULL), STORE_NEW);
        int rv = store_exec(p->s, "notes", slice_of(row->sql), NULL, 0, NULL, &err);
        if ((rv == 0) != !row->rule || strcmp(err.rule, row->rule ? row->rule : "") != 0) {
            fail_msg("%s: expected %s, got %s: %s", row->sql, row->rule ? row->rule : "nothing", err.rule, err.text);
        }
        assert_int_equal(store_command_abort(p->s), 0);
    }
    assert_int_equal(store_batch_commit(p->s, &err), STORE_OK);
}

/* A statement cached while it was fine is looked at again when the schema has changed under it. */
static void authorizer_looks_again_after_a_change_of_schema(void **state)
{
    struct place *p = *state;
    const struct store_request plain = {.user_id = 1};
    const struct slice sql = SLICE("WITH extra_rows AS (SELECT 1) SELECT count(*) FROM extra_rows, notes_note");
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_batch_begin(p->s, &err), STORE_OK);
        assert_int_equal(store_command_begin(p->s, &plain, NULL, NULL), STORE_NEW);
        assert_int_equal(store_exec(p->s, "notes", sql, NULL, 0, NULL, &err), 0);
        assert_int_equal(store_exec(p->s, "notes", SLICE("SELECT secret FROM other_thing"), NULL, 0, NULL, &err),
                         ERR_POLICY);
        assert_int_equal(store_command_abort(p->s), 0);
        assert_int_equal(store_batch_commit(p->s, &err), STORE_OK);
        assert_int_equal(store_run(p->s, "CREATE TABLE IF NOT EXISTS notes_late(a TEXT) STRICT", NULL, 0, &err), 0);
    }
}

/* The host's own statements pass, between a plugin's. */
static void host_is_trusted_between_plugin_statements(void **state)
{
    struct place *p = *state;
    const struct store_request plain = {.user_id = 1};
    struct err err = {0};
    assert_int_equal(store_batch_begin(p->s, &err), STORE_OK);
    assert_int_equal(store_command_begin(p->s, &plain, NULL, NULL), STORE_NEW);
    assert_int_equal(store_exec(p->s, "notes", SLICE("INSERT INTO notes_note(text) VALUES('a')"), NULL, 0, NULL, &err),
                     0);
    assert_int_equal(store_run(p->s, "UPDATE muster_setting SET value = 'x'", NULL, 0, &err), 0);
    assert_int_equal(store_run(p->s, "SELECT name FROM sqlite_schema", NULL, 0, &err), 0);
    assert_int_equal(store_exec(p->s, "notes", SLICE("SELECT value FROM muster_setting"), NULL, 0, NULL, &err),
                     ERR_POLICY);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_batch_commit(p->s, &err), STORE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linter_knows_the_portable_subset),
        cmocka_unit_test(refusal_says_what_to_write_instead),
        cmocka_unit_test(long_statements_are_refused),
        cmocka_unit_test(statements_are_cut_at_semicolons),
        cmocka_unit_test(tables_belong_to_the_plugin_of_their_prefix),
        cmocka_unit_test_setup_teardown(authorizer_confines_a_plugin_without_the_linter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(authorizer_looks_again_after_a_change_of_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(host_is_trusted_between_plugin_statements, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
