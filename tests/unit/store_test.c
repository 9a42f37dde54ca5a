/* The store: batches, commands, idempotent replies, statements and limits, on SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "base/utf8.h"
#include "store/migrate.h"
#include "store/store.h"

/* A data folder with the host's tables and two tables of the plugin "notes". */
struct place {
    char folder[64];
    char path[96];
    struct store *s;
    struct err err;
};

static const char tables[] = "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER) STRICT;"
                             "CREATE TABLE notes_part(id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes_note(id)) STRICT;";

static struct store *open_role(struct place *p, enum store_role role, bool unsafe)
{
    const struct store_options options = {.path = p->path, .unsafe_sql = unsafe};
    struct store *s = NULL;
    assert_int_equal(store_open(&options, role, &s, &p->err), 0);
    return s;
}

static void open_place(struct place *p, bool unsafe)
{
    const struct migration list[] = {{1, "001_tables", {tables, sizeof(tables) - 1}}};
    memset(p, 0, sizeof(*p));
    strcpy(p->folder, "/tmp/muster-store-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof(p->path), "%s/muster.db", p->folder);
    p->s = open_role(p, STORE_WRITER, unsafe);
    assert_int_equal(migrate_host(p->s, &p->err), 1);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), 1);
}

static void remove_folder(struct place *p)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
}

static int set_up(void **state)
{
    struct place *p = malloc(sizeof(*p));
    open_place(p, false);
    *state = p;
    return 0;
}

static int set_up_unsafe(void **state)
{
    struct place *p = malloc(sizeof(*p));
    open_place(p, true);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    store_close(p->s);
    remove_folder(p);
    free(p);
    return 0;
}

static const struct store_request plain = {.user_id = 1};

static struct store_request keyed(const char *key, unsigned char hash)
{
    struct store_request r = {.user_id = 7, .key = slice_of(key), .at_ms = 1000};
    memset(r.hash, hash, sizeof(r.hash));
    return r;
}

static void begin(struct place *p)
{
    assert_int_equal(store_batch_begin(p->s, &p->err), STORE_OK);
}

static void begin_command(struct place *p)
{
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), STORE_NEW);
}

static void end_command(struct place *p)
{
    assert_int_equal(store_command_end(p->s, &plain, SLICE("+OK\r\n"), &p->err), 0);
}

static void commit(struct place *p)
{
    assert_int_equal(store_batch_commit(p->s, &p->err), STORE_OK);
}

static int run(struct place *p, const char *sql)
{
    return store_exec(p->s, "notes", slice_of(sql), NULL, 0, NULL, &p->err);
}

static int add(struct place *p, const char *text)
{
    const struct value args[] = {value_cstr(text)};
    return store_exec(p->s, "notes", SLICE("INSERT INTO notes_note(text) VALUES(?)"), args, 1, NULL, &p->err);
}

/* The host's view, outside of any batch. */
static int64_t number(struct store *s, const char *sql)
{
    struct value v;
    struct buf keep = {0};
    struct err err = {0};
    if (store_value(s, NULL, slice_of(sql), NULL, 0, &v, &keep, &err) < 0) {
        fail_msg("%s: %s", sql, err.text);
    }
    buf_close(&keep);
    return v.i;
}

static int64_t notes(struct place *p)
{
    return number(p->s, "SELECT count(*) FROM notes_note");
}

/* -- batches -- */

static void batch_keeps_what_its_commands_wrote(void **state)
{
    struct place *p = *state;
    begin(p);
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof(text), "note %d", i);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
    }
    commit(p);
    assert_int_equal(notes(p), 3);
}

/* The one that is aborted leaves nothing; those before and after stand. */
static void batch_survives_a_failing_command(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "before"), 0);
    end_command(p);
    begin_command(p);
    assert_int_equal(add(p, "aborted"), 0);
    assert_int_equal(add(p, "before"), ERR_CONFLICT);
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    assert_int_equal(add(p, "after"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(notes(p), 2);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'aborted'"), 0);
}

static void aborted_batch_leaves_nothing(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "gone"), 0);
    end_command(p);
    store_batch_abort(p->s);
    assert_int_equal(notes(p), 0);
    begin(p);
    commit(p);
}

/* An open command is a fault of the caller; the batch is not committed behind its back. */
static void commit_with_an_open_command_is_refused(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(store_batch_commit(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), ERR_STATE);
    end_command(p);
    commit(p);
    assert_int_equal(store_batch_commit(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), ERR_STATE);
}

/* The linter would refuse the statement; with the linter off, the store still notices. */
static void insert_or_rollback_destroys_batch_and_is_noticed(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "innocent"), 0);
    end_command(p);
    begin_command(p);
    assert_true(store_batch_alive(p->s));
    assert_int_equal(run(p, "INSERT OR ROLLBACK INTO notes_note(text) VALUES('innocent')"), ERR_CONFLICT);
    assert_false(store_batch_alive(p->s));
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), STORE_LOST);
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), ERR_POLICY);
    assert_int_equal(store_batch_commit(p->s, &p->err), STORE_LOST);
    assert_int_equal(notes(p), 0);
}

/* What the handler does after its transaction is gone must not be committed by itself. */
static void plugin_statement_after_the_loss_is_refused(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "twice"), 0);
    assert_int_equal(run(p, "INSERT OR ROLLBACK INTO notes_note(text) VALUES('twice')"), ERR_CONFLICT);
    assert_int_equal(add(p, "stray"), ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.lost");
    assert_int_equal(store_run(p->s, "DELETE FROM muster_user", NULL, 0, &p->err), ERR_POLICY);
    assert_int_equal(store_command_abort(p->s), STORE_LOST);
    store_batch_abort(p->s);
    assert_int_equal(notes(p), 0);
}

static void plugin_statement_in_autocommit_is_refused(void **state)
{
    struct place *p = *state;
    assert_int_equal(add(p, "stray"), ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.autocommit");
    begin(p);
    assert_int_equal(add(p, "between commands"), ERR_POLICY);
    commit(p);
    assert_int_equal(notes(p), 0);
}

static void plugin_cannot_end_the_transaction(void **state)
{
    static const char *const texts[] = {"COMMIT", "ROLLBACK", "END", "SAVEPOINT m", "RELEASE m", "ROLLBACK TO m", "BEGIN"};
    struct place *p = *state;
    begin(p);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        begin_command(p);
        assert_int_equal(add(p, "x"), 0);
        assert_int_equal(run(p, texts[i]), ERR_POLICY);
        assert_true(store_batch_alive(p->s));
        assert_int_equal(store_command_abort(p->s), 0);
    }
    commit(p);
    assert_int_equal(notes(p), 0);
}

/* -- doom and nesting -- */

static void sql_error_dooms_the_command(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "one"), 0);
    assert_int_equal(add(p, "one"), ERR_CONFLICT);
    assert_string_equal(p->err.rule, "sql.constraint");
    assert_non_null(strstr(p->err.text, "notes_note.text"));
    assert_int_equal(add(p, "two"), ERR_STATE);
    assert_string_equal(p->err.rule, "sql.doomed");
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), ERR_STATE);
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
    assert_int_equal(notes(p), 0);
}

static void nested_rollback_clears_a_doom_inside(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "outer"), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "inner"), 0);
    assert_int_equal(add(p, "outer"), ERR_CONFLICT);
    assert_int_equal(store_nested_end(p->s, false, &p->err), 0);
    assert_int_equal(add(p, "later"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(notes(p), 2);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'inner'"), 0);
}

static void nested_keep_of_a_doomed_call_rolls_it_back(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "inner"), 0);
    assert_int_equal(add(p, "inner"), ERR_CONFLICT);
    assert_int_equal(store_nested_end(p->s, true, &p->err), ERR_STATE);
    assert_int_equal(add(p, "outer"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'outer'"), 1);
    assert_int_equal(notes(p), 1);
}

/* Each level writes, or does not; each is kept or rolled back: the rows must be those of the kept chains, whatever savepoints
 * were really made. */
static void lazy_savepoints_are_sound_in_every_combination(void **state)
{
    struct place *p = *state;
    for (unsigned bits = 0; bits < 64; bits++) {
        const bool outer_first = bits & 1, inner_writes = bits & 2, inner_kept = bits & 4, outer_last = bits & 8,
                   command_kept = bits & 16, before = bits & 32;
        begin(p);
        if (before) {
            begin_command(p);
            assert_int_equal(add(p, "before"), 0);
            end_command(p);
        }
        begin_command(p);
        assert_int_equal(outer_first ? add(p, "outer first") : 0, 0);
        assert_int_equal(store_nested_begin(p->s, &p->err), 0);
        assert_int_equal(inner_writes ? add(p, "inner") : 0, 0);
        assert_int_equal(store_nested_end(p->s, inner_kept, &p->err), 0);
        assert_int_equal(outer_last ? add(p, "outer last") : 0, 0);
        if (command_kept) {
            end_command(p);
        } else {
            assert_int_equal(store_command_abort(p->s), 0);
        }
        commit(p);
        int wanted = before + (command_kept ? outer_first + (inner_writes && inner_kept) + outer_last : 0);
        assert_int_equal(notes(p), wanted);
        assert_int_equal(store_run(p->s, "DELETE FROM notes_note", NULL, 0, &p->err), 0);
    }
}

static void nesting_is_bounded(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    }
    assert_int_equal(store_nested_begin(p->s, &p->err), ERR_LIMIT);
    assert_int_equal(add(p, "deep"), 0);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_nested_end(p->s, true, &p->err), ERR_STATE);
    commit(p);
    assert_int_equal(notes(p), 0);
}

/* -- idempotency -- */

static void idempotent_reply_is_found_again(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    const struct store_request other = keyed("k1", 2);
    struct store_request somebody = keyed("k1", 2);
    struct buf reply = {0};
    somebody.user_id = 8;
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(add(p, "once"), 0);
    assert_int_equal(store_command_end(p->s, &r, SLICE(":42\r\n"), &p->err), 0);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_DONE);
    assert_true(slice_is(buf_view(&reply), ":42\r\n"));
    assert_int_equal(store_command_begin(p->s, &other, &reply, &p->err), STORE_CONFLICT);
    commit(p);
    buf_clear(&reply);
    assert_int_equal(store_command_find(p->s, &r, &reply, &p->err), STORE_DONE);
    assert_true(slice_is(buf_view(&reply), ":42\r\n"));
    assert_int_equal(store_command_find(p->s, &other, &reply, &p->err), STORE_CONFLICT);
    assert_int_equal(store_command_find(p->s, &somebody, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_find(p->s, &plain, &reply, &p->err), STORE_NEW);
    buf_close(&reply);
}

static void aborted_command_leaves_no_reply(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    struct buf reply = {0};
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    store_batch_abort(p->s);
    assert_int_equal(store_command_find(p->s, &r, &reply, &p->err), STORE_NEW);
    buf_close(&reply);
}

static void long_key_and_small_reply_buffer_are_refused(void **state)
{
    struct place *p = *state;
    char key[202];
    memset(key, 'k', 201);
    key[201] = '\0';
    const struct store_request r = keyed(key, 1);
    const struct store_request short_one = keyed("short", 1);
    struct buf reply;
    buf_init(&reply, 3);
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), ERR_ARG);
    assert_string_equal(p->err.arg, "idem");
    assert_int_equal(store_command_begin(p->s, &short_one, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &short_one, SLICE("+OK\r\n"), &p->err), 0);
    commit(p);
    assert_int_equal(store_command_find(p->s, &short_one, &reply, &p->err), ERR_TOOBIG);
    buf_close(&reply);
}

/* A deadline that passed in one command is nothing to the lookup of the next. */
static void lookup_ignores_the_limits_of_the_command_before(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    begin(p);
    store_limits(p->s, 1, 1, 1);
    assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
    assert_int_equal(add(p, "too late"), ERR_TIMEOUT);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    commit(p);
    store_limits(p->s, 0, 0, 0);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done"), 1);
}

static void old_replies_expire_oldest_first(void **state)
{
    struct place *p = *state;
    begin(p);
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        struct store_request r = keyed(key, 1);
        r.at_ms = 1000 * i;
        assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
        assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    }
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 3);
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 1);
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 0);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done WHERE idem = 'k4'"), 1);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done"), 1);
}

/* -- statements -- */

static void values_come_back_as_they_went_in(void **state)
{
    struct place *p = *state;
    const char bytes[] = {0, 1, (char)0xff, 0};
    assert_int_equal(store_run(p->s, "CREATE TABLE notes_all(i INTEGER, r REAL, t TEXT, b BLOB) STRICT", NULL, 0, &p->err), 0);
    const struct value args[] = {value_int(INT64_MIN), {.type = VALUE_DOUBLE, .d = 0.25}, value_cstr("防控"),
                                 {.type = VALUE_BLOB, .s = {bytes, 4}}};
    const struct value empty[] = {value_bool(true), value_null(), {.type = VALUE_TEXT}, {.type = VALUE_BLOB}};
    begin(p);
    begin_command(p);
    const struct slice sql = SLICE("INSERT INTO notes_all(i, r, t, b) VALUES(?, ?, ?, ?)");
    int64_t changes = 0;
    assert_int_equal(store_exec(p->s, "notes", sql, args, 4, &changes, &p->err), 0);
    assert_int_equal(changes, 1);
    assert_int_equal(store_exec(p->s, "notes", sql, empty, 4, &changes, &p->err), 0);
    struct cursor *c = NULL;
    struct value v;
    assert_int_equal(store_query(p->s, "notes", SLICE("SELECT i, r, t, b FROM notes_all ORDER BY i"), NULL, 0, &c, &p->err), 0);
    assert_int_equal(cursor_columns(c), 4);
    assert_string_equal(cursor_name(c, 2), "t");
    assert_int_equal(cursor_step(c, &p->err), 1);
    cursor_value(c, 0, &v);
    assert_true(v.type == VALUE_INT && v.i == INT64_MIN);
    cursor_value(c, 1, &v);
    assert_true(v.type == VALUE_DOUBLE && v.d > 0.24 && v.d < 0.26);
    cursor_value(c, 2, &v);
    assert_true(v.type == VALUE_TEXT && slice_is(v.s, "防控"));
    cursor_value(c, 3, &v);
    assert_true(v.type == VALUE_BLOB && v.s.len == 4 && memcmp(v.s.data, bytes, 4) == 0);
    assert_int_equal(cursor_step(c, &p->err), 1);
    cursor_value(c, 0, &v);
    assert_true(v.type == VALUE_INT && v.i == 1);
    cursor_value(c, 1, &v);
    assert_true(v.type == VALUE_NULL);
    cursor_value(c, 2, &v);
    assert_true(v.type == VALUE_TEXT && v.s.len == 0);
    cursor_value(c, 3, &v);
    assert_true(v.type == VALUE_BLOB && v.s.len == 0);
    assert_int_equal(cursor_step(c, &p->err), 0);
    assert_int_equal(cursor_step(c, &p->err), 0);
    cursor_close(c);
    end_command(p);
    commit(p);
}

static void bad_arguments_are_refused(void **state)
{
    struct place *p = *state;
    const struct value args[] = {value_cstr("a"), value_cstr("b")};
    const struct value nul[] = {value_text((struct slice){"a\0b", 3})};
    const struct value bad[] = {value_text((struct slice){"12345678\xff", 9})};
    const struct value nan[] = {{.type = VALUE_DOUBLE, .d = __builtin_nan("")}};
    const struct slice sql = SLICE("INSERT INTO notes_note(text) VALUES(?)");
    const struct {
        const struct value *args;
        int count;
        const char *rule;
    } rows[] = {{args, 2, "sql.args"}, {args, 0, "sql.args"}, {nul, 1, "sql.text"}, {bad, 1, "sql.text"}, {nan, 1, "sql.nan"}};
    begin(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_command(p);
        assert_int_equal(store_exec(p->s, "notes", sql, rows[i].args, rows[i].count, NULL, &p->err), ERR_ARG);
        assert_string_equal(p->err.rule, rows[i].rule);
        assert_int_equal(store_command_abort(p->s), 0);
    }
    commit(p);
}

static void errors_of_sql_have_their_codes(void **state)
{
    static const struct {
        const char *sql;
        int code;
        const char *rule;
    } rows[] = {
        {"INSERT INTO notes_note(text, size) VALUES('a', 'much')", ERR_ARG, "sql.type"},
        {"INSERT INTO notes_note(id, text) VALUES('one', 'a')", ERR_ARG, "sql.type"},
        {"INSERT INTO notes_note(text) VALUES(NULL)", ERR_CONFLICT, "sql.constraint"},
        {"INSERT INTO notes_part(note) VALUES(99)", ERR_CONFLICT, "sql.constraint"},
        {"SELECT sum(size) FROM (SELECT 9223372036854775807 AS size UNION ALL SELECT 1)", ERR_ARG, "sql.overflow"},
        {"SELECT abs(-9223372036854775807 - 1)", ERR_ARG, "sql.overflow"},
        {"SELEC 1", ERR_POLICY, "sql.statement"},
        {"SELECT FROM", ERR_ARG, "sql.error"},
        {"SELECT nothing FROM notes_note", ERR_ARG, "sql.error"},
        {"SELECT \"text from a typo\" FROM notes_note", ERR_ARG, "sql.error"},
        {"SELECT 1 FROM notes_missing", ERR_ARG, "sql.error"},
        {"  -- nothing", ERR_POLICY, "sql.empty"},
        {"SELECT 1; SELECT 2", ERR_POLICY, "sql.many"},
    };
    struct place *p = *state;
    begin(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_command(p);
        int rv = run(p, rows[i].sql);
        if (rv != rows[i].code || strcmp(p->err.rule, rows[i].rule) != 0) {
            fail_msg("%s: %s %s: %s", rows[i].sql, err_token(rv), p->err.rule, p->err.text);
        }
        assert_int_equal(store_command_abort(p->s), 0);
    }
    commit(p);
}

/* Portable SQL: other engines tell case apart in LIKE. */
static void like_tells_case_apart(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "Abc"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text LIKE 'abc'"), 0);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text LIKE 'A%'"), 1);
}

/* RETURNING changes everything at once, however many rows are read; and other writes may go on meanwhile. */
static void returning_has_run_when_the_query_returns(void **state)
{
    struct place *p = *state;
    struct cursor *c = NULL;
    struct value v;
    begin(p);
    begin_command(p);
    assert_int_equal(store_query(p->s, "notes", SLICE("INSERT INTO notes_note(text) VALUES('a'), ('b'), ('') RETURNING id, text"), NULL,
                                 0, &c, &p->err), 0);
    assert_int_equal(cursor_step(c, &p->err), 1);
    assert_int_equal(add(p, "c"), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "d"), 0);
    assert_int_equal(store_nested_end(p->s, true, &p->err), 0);
    cursor_value(c, 1, &v);
    assert_true(slice_is(v.s, "a"));
    assert_int_equal(cursor_step(c, &p->err), 1);
    cursor_value(c, 0, &v);
    assert_int_equal(v.i, 2);
    cursor_value(c, 1, &v);
    assert_true(slice_is(v.s, "b"));
    assert_int_equal(cursor_step(c, &p->err), 1);
    cursor_value(c, 1, &v);
    assert_true(v.type == VALUE_TEXT && v.s.len == 0);
    assert_int_equal(cursor_step(c, &p->err), 0);
    cursor_close(c);
    end_command(p);
    commit(p);
    assert_int_equal(notes(p), 5);
}

/* The same text, open several times at once, and the arguments gone before the first step. */
static void queries_of_one_text_do_not_share_their_state(void **state)
{
    struct place *p = *state;
    struct cursor *c[3] = {NULL};
    char text[] = "a";
    const struct slice sql = SLICE("SELECT id, ? FROM notes_note ORDER BY id");
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "one") + add(p, "two"), 0);
    for (int i = 0; i < 3; i++) {
        text[0] = (char)('a' + i);
        const struct value args[] = {value_cstr(text)};
        assert_int_equal(store_query(p->s, "notes", sql, args, 1, &c[i], &p->err), 0);
    }
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < 3; i++) {
            struct value v;
            assert_int_equal(cursor_step(c[i], &p->err), 1);
            cursor_value(c[i], 0, &v);
            assert_int_equal(v.i, row + 1);
            cursor_value(c[i], 1, &v);
            assert_int_equal(v.s.data[0], 'a' + i);
        }
    }
    for (int i = 0; i < 3; i++) {
        cursor_close(c[i]);
    }
    end_command(p);
    commit(p);
}

static void cursors_end_with_their_command(void **state)
{
    struct place *p = *state;
    struct cursor *outer = NULL;
    struct cursor *inner = NULL;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "one") + add(p, "two"), 0);
    assert_int_equal(store_query(p->s, "notes", SLICE("SELECT id FROM notes_note"), NULL, 0, &outer, &p->err), 0);
    assert_int_equal(cursor_step(outer, &p->err), 1);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "three"), 0);
    assert_int_equal(store_query(p->s, "notes", SLICE("SELECT text FROM notes_note"), NULL, 0, &inner, &p->err), 0);
    assert_int_equal(cursor_step(inner, &p->err), 1);
    assert_int_equal(store_nested_end(p->s, false, &p->err), 0);
    assert_int_equal(cursor_step(inner, &p->err), ERR_STATE);
    cursor_close(inner);
    assert_int_equal(cursor_step(outer, &p->err), 1);
    assert_int_equal(cursor_step(outer, &p->err), 0);
    end_command(p);
    assert_int_equal(cursor_step(outer, &p->err), ERR_STATE);
    assert_int_equal(cursor_columns(outer), 0);
    cursor_close(outer);
    commit(p);
}

static void open_queries_are_bounded(void **state)
{
    struct place *p = *state;
    struct cursor *c = NULL;
    begin(p);
    begin_command(p);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(store_query(p->s, "notes", SLICE("SELECT 1"), NULL, 0, &c, &p->err), 0);
    }
    assert_int_equal(store_query(p->s, "notes", SLICE("SELECT 1"), NULL, 0, &c, &p->err), ERR_LIMIT);
    assert_null(c);
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
}

static void statements_are_prepared_once_and_the_cache_is_bounded(void **state)
{
    struct place *p = *state;
    struct store_stats first;
    struct store_stats then;
    begin(p);
    begin_command(p);
    assert_int_equal(run(p, "SELECT 1"), 0);
    store_stats(p->s, &first);
    assert_int_equal(run(p, "SELECT 1"), 0);
    store_stats(p->s, &then);
    assert_int_equal(then.prepared, first.prepared);
    assert_int_equal(then.statements, first.statements + 1);
    for (int i = 0; i < 1000; i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "SELECT %d FROM notes_note", i);
        assert_int_equal(run(p, sql), 0);
    }
    store_stats(p->s, &first);
    assert_int_equal(run(p, "SELECT 999 FROM notes_note"), 0);
    store_stats(p->s, &then);
    assert_int_equal(then.prepared, first.prepared);
    assert_int_equal(run(p, "SELECT 1"), 0);
    store_stats(p->s, &then);
    assert_int_equal(then.prepared, first.prepared + 1);
    end_command(p);
    commit(p);
    store_stats(p->s, &then);
    assert_true(then.commits >= 1);
}

/* A statement that one plugin has prepared is not thereby allowed to another, nor is the host's. */
static void cache_keeps_plugins_apart(void **state)
{
    struct place *p = *state;
    const char *sql = "SELECT count(*) FROM notes_note";
    begin(p);
    begin_command(p);
    assert_int_equal(store_run(p->s, "SELECT id FROM muster_user", NULL, 0, &p->err), 0);
    assert_int_equal(run(p, sql), 0);
    assert_int_equal(store_exec(p->s, "note", slice_of(sql), NULL, 0, NULL, &p->err), ERR_POLICY);
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    assert_int_equal(run(p, "SELECT id FROM muster_user"), ERR_POLICY);
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
}

/* -- limits -- */

static void rows_and_bytes_are_bounded(void **state)
{
    struct place *p = *state;
    struct cursor *c = NULL;
    const struct slice sql = SLICE("SELECT text FROM notes_note");
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "0123456789") + add(p, "9876543210"), 0);
    end_command(p);
    begin_command(p);
    store_limits(p->s, 1, 0, 0);
    assert_int_equal(store_query(p->s, "notes", sql, NULL, 0, &c, &p->err), 0);
    assert_int_equal(cursor_step(c, &p->err), 1);
    assert_int_equal(cursor_step(c, &p->err), ERR_LIMIT);
    assert_string_equal(p->err.rule, "sql.rows");
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    store_limits(p->s, 0, 19, 0);
    assert_int_equal(store_query(p->s, "notes", sql, NULL, 0, &c, &p->err), 0);
    assert_int_equal(cursor_step(c, &p->err), 1);
    assert_int_equal(cursor_step(c, &p->err), ERR_LIMIT);
    assert_string_equal(p->err.rule, "sql.bytes");
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    store_limits(p->s, 1, 0, 0);
    assert_int_equal(store_query(p->s, "notes", SLICE("UPDATE notes_note SET size = 1 RETURNING id"), NULL, 0, &c, &p->err), ERR_LIMIT);
    assert_int_equal(store_command_abort(p->s), 0);
    store_limits(p->s, 0, 0, 0);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE size = 1"), 0);
}

static void deadline_ends_a_query_between_rows(void **state)
{
    struct place *p = *state;
    struct cursor *c = NULL;
    const struct slice sql = SLICE("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n");
    int rv = 0;
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    store_limits(p->s, 0, 0, clock_mono_ns() + 20 * 1000 * 1000);
    assert_int_equal(store_query(p->s, "notes", sql, NULL, 0, &c, &p->err), 0);
    while ((rv = cursor_step(c, &p->err)) == 1) {
    }
    assert_int_equal(rv, ERR_TIMEOUT);
    store_read_end(p->s);
    store_limits(p->s, 0, 0, 0);
}

static void *interrupt_later(void *arg)
{
    struct store *s = arg;
    usleep(50 * 1000);
    for (int i = 0; i < 1000; i++) {
        store_interrupt(s);
        usleep(100);
    }
    return NULL;
}

/* A statement that gives no row for ever; the deadline alone cannot end it. What follows is not hit, though interrupts keep coming. */
static void interrupt_from_another_thread_ends_the_statement(void **state)
{
    struct place *p = *state;
    pthread_t thread;
    const char *forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "kept"), 0);
    end_command(p);
    begin_command(p);
    assert_int_equal(thread_start(&thread, "interrupter", interrupt_later, p->s), 0);
    assert_int_equal(run(p, forever), ERR_TIMEOUT);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_true(store_batch_alive(p->s));
    commit(p);
    pthread_join(thread, NULL);
    store_interrupt(p->s);
    assert_int_equal(notes(p), 1);
}

/* SQLite rolls the whole transaction back when a writing statement is interrupted. */
static void interrupted_write_loses_the_batch_and_is_noticed(void **state)
{
    struct place *p = *state;
    pthread_t thread;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "innocent"), 0);
    end_command(p);
    begin_command(p);
    assert_int_equal(thread_start(&thread, "interrupter", interrupt_later, p->s), 0);
    assert_int_equal(run(p, "INSERT INTO notes_note(text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                            "SELECT 'x' || i FROM n"), ERR_TIMEOUT);
    assert_false(store_batch_alive(p->s));
    assert_int_equal(store_command_abort(p->s), STORE_LOST);
    assert_int_equal(store_batch_commit(p->s, &p->err), STORE_LOST);
    pthread_join(thread, NULL);
    assert_int_equal(notes(p), 0);
}

/* Commands that need no stopping, under a storm of interrupts: only statements fail, never a savepoint or a commit. */
static void stale_interrupts_never_hit_a_commit(void **state)
{
    struct place *p = *state;
    pthread_t thread;
    int kept = 0;
    assert_int_equal(thread_start(&thread, "interrupter", interrupt_later, p->s), 0);
    for (int i = 0; i < 200; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%d", i);
        begin(p);
        begin_command(p);
        int rv = add(p, text);
        if (rv == 0) {
            end_command(p);
            commit(p);
            kept++;
        } else {
            assert_int_equal(rv, ERR_TIMEOUT);
            store_batch_abort(p->s);
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(notes(p), kept);
}

/* -- readers -- */

static void reader_sees_one_snapshot(void **state)
{
    struct place *p = *state;
    struct store *r = open_role(p, STORE_READER, false);
    const char *sql = "SELECT count(*) FROM notes_note";
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(number(r, sql), 0);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "later"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(number(r, sql), 0);
    store_read_end(r);
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(number(r, sql), 1);
    store_close(r);
}

static void reader_cannot_write(void **state)
{
    struct place *p = *state;
    struct store *r = open_role(p, STORE_READER, false);
    assert_int_equal(store_role(r), STORE_READER);
    assert_int_equal(store_batch_begin(r, &p->err), ERR_STATE);
    assert_int_equal(store_checkpoint(r, 0, &p->err), ERR_STATE);
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(store_read_begin(r, &p->err), ERR_STATE);
    assert_int_equal(store_exec(r, "notes", SLICE("INSERT INTO notes_note(text) VALUES('x')"), NULL, 0, NULL, &p->err), ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.readonly");
    assert_int_equal(store_run(r, "DELETE FROM muster_user", NULL, 0, &p->err), ERR_POLICY);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT id FROM notes_note"), NULL, 0, NULL, &p->err), 0);
    store_read_end(r);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT id FROM notes_note"), NULL, 0, NULL, &p->err), ERR_POLICY);
    store_close(r);
}

/* A reader's cached statements follow the schema. */
static void reader_follows_a_migration(void **state)
{
    struct place *p = *state;
    static const char more[] = "ALTER TABLE notes_note ADD COLUMN colour TEXT;";
    const struct migration list[] = {{1, "001_tables", {tables, sizeof(tables) - 1}}, {2, "002_colour", {more, sizeof(more) - 1}}};
    struct store *r = open_role(p, STORE_READER, false);
    struct cursor *c = NULL;
    const struct slice sql = SLICE("SELECT * FROM notes_note");
    for (int columns = 3; columns <= 4; columns++) {
        assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
        assert_int_equal(store_query(r, "notes", sql, NULL, 0, &c, &p->err), 0);
        assert_int_equal(cursor_step(c, &p->err), 0);
        store_read_end(r);
        if (columns == 3) {
            assert_int_equal(migrate(p->s, "notes", list, 2, &p->err), 1);
        }
    }
    assert_int_equal(store_read_begin(r, &p->err), STORE_OK);
    assert_int_equal(store_exec(r, "notes", SLICE("SELECT colour FROM notes_note"), NULL, 0, NULL, &p->err), 0);
    store_close(r);
}

/* -- the data folder -- */

static void second_writer_is_refused(void **state)
{
    struct place *p = *state;
    const struct store_options options = {.path = p->path};
    struct store *s = NULL;
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_BUSY);
    assert_null(s);
    assert_non_null(strstr(p->err.text, "muster.lock"));
    pid_t child = fork();
    if (child == 0) {
        _exit(store_open(&options, STORE_WRITER, &s, NULL) == ERR_BUSY ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_close(p->s);
    p->s = open_role(p, STORE_WRITER, false);
}

/* Somebody removed the lock file: another writer may have begun. */
static void removed_lock_file_fences_the_writer(void **state)
{
    struct place *p = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/muster.lock", p->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_batch_begin(p->s, &p->err), STORE_FENCED);
}

static void files_are_private_and_bad_paths_are_named(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    struct stat st;
    char path[128];
    struct store *s = NULL;
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    struct store_options options = {.path = "/nowhere/muster.db"};
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_IO);
    assert_non_null(strstr(p->err.text, "/nowhere/"));
    assert_int_equal(store_open(&options, STORE_READER, &s, &p->err), ERR_IO);
    options.path = ":memory:";
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), ERR_ARG);
    /* A file that is no database. */
    snprintf(path, sizeof(path), "%s/other.db", p->folder);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database ", f);
    }
    fclose(f);
    options.path = path;
    assert_int_equal(store_open(&options, STORE_READER, &s, &p->err), ERR_IO);
    assert_non_null(strstr(p->err.text, path));
    unlink(path);
}

/* Run `work` in a child that ends by SIGKILL; only what was committed may be there. */
static void die_in_child(struct place *p, bool commit_it)
{
    store_close(p->s);
    p->s = NULL;
    pid_t child = fork();
    if (child == 0) {
        const struct store_options options = {.path = p->path};
        struct store *s = NULL;
        const struct slice sql = SLICE("INSERT INTO notes_note(text) VALUES('child')");
        bool ok = store_open(&options, STORE_WRITER, &s, NULL) == 0 && store_batch_begin(s, NULL) == STORE_OK &&
                  store_command_begin(s, &plain, NULL, NULL) == STORE_NEW &&
                  store_exec(s, "notes", sql, NULL, 0, NULL, NULL) == 0 && store_command_end(s, &plain, SLICE(""), NULL) == 0;
        if (ok && (!commit_it || store_batch_commit(s, NULL) == STORE_OK)) {
            kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    p->s = open_role(p, STORE_WRITER, false);
}

static void killed_before_commit_leaves_nothing(void **state)
{
    struct place *p = *state;
    die_in_child(p, false);
    assert_int_equal(notes(p), 0);
}

static void killed_after_commit_has_kept_everything(void **state)
{
    struct place *p = *state;
    die_in_child(p, true);
    assert_int_equal(notes(p), 1);
}

/* A file size limit stands in for a full disk. The batch fails whole, and the database goes on. */
static void full_disk_fails_the_batch_and_nothing_else(void **state)
{
    struct place *p = *state;
    pid_t child = fork();
    if (child == 0) {
        /* The inherited connection is left alone: SQLite's connections must not cross a fork. */
        char path[160];
        snprintf(path, sizeof(path), "%s/sub", p->folder);
        if (mkdir(path, 0700) != 0) {
            _exit(1);
        }
        strcat(path, "/muster.db");
        const struct store_options options = {.path = path};
        const struct rlimit small = {256 * 1024, RLIM_INFINITY};
        const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
        struct store *s = NULL;
        struct err err = {0};
        int64_t rows = -1;
        struct value v;
        struct buf keep = {0};
        signal(SIGXFSZ, SIG_IGN);
        bool ok = store_open(&options, STORE_WRITER, &s, &err) == 0 &&
                  store_run(s, "CREATE TABLE notes_big(b BLOB) STRICT", NULL, 0, &err) == 0 && setrlimit(RLIMIT_FSIZE, &small) == 0 &&
                  store_batch_begin(s, &err) == STORE_OK && store_command_begin(s, &plain, NULL, &err) == STORE_NEW;
        static char bytes[400 * 1024];
        const struct value args[] = {{.type = VALUE_BLOB, .s = {bytes, sizeof(bytes)}}};
        int rv = ok ? store_exec(s, "notes", SLICE("INSERT INTO notes_big(b) VALUES(?)"), args, 1, NULL, &err) : 0;
        if (ok && rv == 0) {
            ok = store_command_end(s, &plain, SLICE(""), &err) == 0;
            rv = store_batch_commit(s, &err);
        } else {
            store_batch_abort(s);
        }
        ok = ok && rv == ERR_IO && setrlimit(RLIMIT_FSIZE, &none) == 0;
        ok = ok && store_value(s, NULL, SLICE("SELECT count(*) FROM notes_big"), NULL, 0, &v, &keep, &err) == 1;
        rows = ok ? v.i : -1;
        ok = ok && rows == 0 && store_run(s, "INSERT INTO notes_big(b) VALUES('')", NULL, 0, &err) == ERR_ARG;
        ok = ok && store_exec(s, NULL, SLICE("INSERT INTO notes_big(b) VALUES(?)"), args, 1, NULL, &err) == 0;
        store_close(s);
        _exit(ok ? 0 : 2);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    static const char *const names[] = {"sub/muster.db", "sub/muster.db-wal", "sub/muster.db-shm", "sub/muster.lock"};
    char path[160];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/sub", p->folder);
    rmdir(path);
    assert_int_equal(status, 0);
}

/* The log is kept at its size: a checkpoint empties it without cutting the file, and so does closing. */
static void log_is_moved_by_a_checkpoint_and_never_cut(void **state)
{
    struct place *p = *state;
    char path[128];
    struct stat before;
    struct stat after;
    for (int i = 0; i < 20; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%d", i);
        begin(p);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
        commit(p);
    }
    snprintf(path, sizeof(path), "%s/muster.db-wal", p->folder);
    assert_int_equal(stat(path, &before), 0);
    assert_true(before.st_size > 20 * 4096);
    assert_int_equal(store_checkpoint(p->s, 100000, &p->err), 0);
    assert_true(store_checkpoint(p->s, 1, &p->err) >= 20);
    assert_int_equal(store_checkpoint(p->s, 1, &p->err), 0);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "from the log's beginning again"), 0);
    end_command(p);
    commit(p);
    store_close(p->s);
    p->s = NULL;
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    p->s = open_role(p, STORE_WRITER, false);
    assert_int_equal(notes(p), 21);
}

static void commit_checkpoints_by_itself_at_the_limit(void **state)
{
    struct place *p = *state;
    struct stat before;
    struct stat after;
    store_close(p->s);
    const struct store_options options = {.path = p->path, .checkpoint_pages = 10};
    assert_int_equal(store_open(&options, STORE_WRITER, &p->s, &p->err), 0);
    for (int i = 0; i < 200; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%d", i);
        begin(p);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
        commit(p);
        if (i == 30) {
            assert_int_equal(stat(p->path, &before), 0);
        }
    }
    char wal[128];
    snprintf(wal, sizeof(wal), "%s/muster.db-wal", p->folder);
    assert_int_equal(stat(p->path, &after), 0);
    assert_true(after.st_size >= before.st_size);
    assert_int_equal(stat(wal, &after), 0);
    assert_true(after.st_size < 100 * 4096);
    assert_int_equal(notes(p), 200);
}

static void options_reach_a_new_file(void **state)
{
    struct place *p = *state;
    char path[128];
    struct store *s = NULL;
    store_close(p->s);
    snprintf(path, sizeof(path), "%s/small.db", p->folder);
    const struct store_options options = {.path = path, .page_bytes = 1024, .cache_kib = 300};
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &p->err), 0);
    assert_int_equal(number(s, "SELECT page_size FROM pragma_page_size"), 1024);
    assert_int_equal(number(s, "SELECT cache_size FROM pragma_cache_size"), -300);
    assert_int_equal(number(s, "SELECT synchronous FROM pragma_synchronous"), 2);
    assert_int_equal(number(s, "SELECT foreign_keys FROM pragma_foreign_keys"), 1);
    store_close(s);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/small.db%s", p->folder, ends[i]);
        assert_int_equal(unlink(path), 0);
    }
    p->s = open_role(p, STORE_WRITER, false);
}

/* A long name of three-byte characters must not be cut inside one: the text goes to clients. */
static void error_texts_are_cut_between_characters(void **state)
{
    struct place *p = *state;
    struct buf sql = {0};
    begin(p);
    begin_command(p);
    buf_text(&sql, "SELECT 1 FROM ");
    for (int i = 0; i < 200; i++) {
        buf_text(&sql, "乐");
    }
    assert_int_equal(run(p, buf_cstr(&sql)), ERR_ARG);
    assert_true(utf8_valid(slice_of(p->err.text)));
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    buf_text(&sql, "_x.y WHERE 1 = ?");
    buf_consume(&sql, 14);
    char text[1024];
    snprintf(text, sizeof(text), "UPDATE muster_user SET name = '%s'", buf_cstr(&sql));
    assert_int_equal(run(p, text), ERR_POLICY);
    assert_true(utf8_valid(slice_of(p->err.text)));
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    snprintf(text, sizeof(text), "SELECT '%s', ?", buf_cstr(&sql));
    assert_int_equal(run(p, text), ERR_ARG);
    assert_true(utf8_valid(slice_of(p->err.text)));
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
    buf_close(&sql);
}

static void pages_written_are_counted(void **state)
{
    struct place *p = *state;
    struct store_stats before;
    struct store_stats after;
    store_stats(p->s, &before);
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "a row"), 0);
    end_command(p);
    commit(p);
    store_stats(p->s, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_true(after.pages_written > before.pages_written);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CLAIM_UNSAFE(name) cmocka_unit_test_setup_teardown(name, set_up_unsafe, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(batch_keeps_what_its_commands_wrote),
        CLAIM(batch_survives_a_failing_command),
        CLAIM(aborted_batch_leaves_nothing),
        CLAIM(commit_with_an_open_command_is_refused),
        CLAIM_UNSAFE(insert_or_rollback_destroys_batch_and_is_noticed),
        CLAIM_UNSAFE(plugin_statement_after_the_loss_is_refused),
        CLAIM(plugin_statement_in_autocommit_is_refused),
        CLAIM(plugin_cannot_end_the_transaction),
        CLAIM_UNSAFE(plugin_cannot_end_the_transaction),
        CLAIM(sql_error_dooms_the_command),
        CLAIM(nested_rollback_clears_a_doom_inside),
        CLAIM(nested_keep_of_a_doomed_call_rolls_it_back),
        CLAIM(lazy_savepoints_are_sound_in_every_combination),
        CLAIM(nesting_is_bounded),
        CLAIM(idempotent_reply_is_found_again),
        CLAIM(aborted_command_leaves_no_reply),
        CLAIM(long_key_and_small_reply_buffer_are_refused),
        CLAIM(lookup_ignores_the_limits_of_the_command_before),
        CLAIM(old_replies_expire_oldest_first),
        CLAIM(values_come_back_as_they_went_in),
        CLAIM(bad_arguments_are_refused),
        CLAIM(errors_of_sql_have_their_codes),
        CLAIM(like_tells_case_apart),
        CLAIM(returning_has_run_when_the_query_returns),
        CLAIM(queries_of_one_text_do_not_share_their_state),
        CLAIM(cursors_end_with_their_command),
        CLAIM(open_queries_are_bounded),
        CLAIM(statements_are_prepared_once_and_the_cache_is_bounded),
        CLAIM(cache_keeps_plugins_apart),
        CLAIM(rows_and_bytes_are_bounded),
        CLAIM(deadline_ends_a_query_between_rows),
        CLAIM(interrupt_from_another_thread_ends_the_statement),
        CLAIM(interrupted_write_loses_the_batch_and_is_noticed),
        CLAIM(stale_interrupts_never_hit_a_commit),
        CLAIM(reader_sees_one_snapshot),
        CLAIM(reader_cannot_write),
        CLAIM(reader_follows_a_migration),
        CLAIM(second_writer_is_refused),
        CLAIM(removed_lock_file_fences_the_writer),
        CLAIM(files_are_private_and_bad_paths_are_named),
        CLAIM(killed_before_commit_leaves_nothing),
        CLAIM(killed_after_commit_has_kept_everything),
        CLAIM(full_disk_fails_the_batch_and_nothing_else),
        CLAIM(log_is_moved_by_a_checkpoint_and_never_cut),
        CLAIM(commit_checkpoints_by_itself_at_the_limit),
        CLAIM(options_reach_a_new_file),
        CLAIM(error_texts_are_cut_between_characters),
        CLAIM(pages_written_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
