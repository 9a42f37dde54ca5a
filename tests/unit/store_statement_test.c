/* The store: statements, their values, errors and limits, and the interrupt. */
#include "store_place.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/thread.h"
#include "base/utf8.h"

/* -- statements -- */

static void values_come_back_as_they_went_in(void **state)
{
    struct place *p = *state;
    const char bytes[] = {0, 1, (char)0xff, 0};
    assert_int_equal(
        store_run(p->s, "CREATE TABLE notes_all(i INTEGER, r REAL, t TEXT, b BLOB) STRICT", NULL, 0, &p->err), 0);
    const struct value args[] = {value_int(INT64_MIN),
                                 {.type = VALUE_DOUBLE, .d = 0.25},
                                 value_cstr("防控"),
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
    assert_int_equal(
        store_query(p->s, "notes", SLICE("SELECT i, r, t, b FROM notes_all ORDER BY i"), NULL, 0, &c, &p->err), 0);
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
    } rows[] = {
        {args, 2, "sql.args"}, {args, 0, "sql.args"}, {nul, 1, "sql.text"}, {bad, 1, "sql.text"}, {nan, 1, "sql.nan"}};
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
    assert_int_equal(store_query(p->s, "notes",
                                 SLICE("INSERT INTO notes_note(text) VALUES('a'), ('b'), ('') RETURNING id, text"),
                                 NULL, 0, &c, &p->err),
                     0);
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
    assert_int_equal(
        store_query(p->s, "notes", SLICE("UPDATE notes_note SET size = 1 RETURNING id"), NULL, 0, &c, &p->err),
        ERR_LIMIT);
    assert_int_equal(store_command_abort(p->s), 0);
    store_limits(p->s, 0, 0, 0);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE size = 1"), 0);
}

/* A long text's SQL, whose parameters are all the same. */
static int give(struct place *p, const char *plugin, const char *sql, size_t bytes, int nargs)
{
    static char text[3 * 1024 * 1024];
    struct value args[20];
    for (int i = 0; i < nargs; i++) {
        args[i] = value_text((struct slice){memset(text, 'x', sizeof(text)), bytes});
    }
    return store_exec(p->s, plugin, slice_of(sql), args, nargs, NULL, &p->err);
}

/* A plugin's values are short: its functions are called in a row without a look at the clock. The host's are not. */
static void values_of_a_plugin_are_bounded(void **state)
{
    static const char insert[] = "INSERT INTO notes_note(text) VALUES(?)";
    static const char seventeen[] = "SELECT coalesce(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    static const struct {
        const char *plugin, *sql;
        size_t bytes;
        int nargs, code;
        const char *rule;
    } rows[] = {
        {"notes", "SELECT length(?)", 1024 * 1024, 1, 0, ""},
        {"notes", "SELECT length(?)", 1024 * 1024 + 1, 1, ERR_LIMIT, "sql.size"},
        {"notes", seventeen, 1024 * 1024, 17, ERR_LIMIT, "sql.size"},
        {"notes", seventeen, 950 * 1024, 17, 0, ""},
        {"notes", "SELECT ? || ?", 600 * 1024, 2, ERR_TOOBIG, "sql.toobig"},
        {"notes", insert, 1024 * 1024 - 100, 1, 0, ""},
        {"notes", insert, 1024 * 1024, 1, ERR_TOOBIG, "sql.toobig"},
        {NULL, insert, 3 * 1024 * 1024, 1, 0, ""},
        {NULL, "SELECT ? || ?", 3 * 1024 * 1024, 2, 0, ""},
    };
    struct place *p = *state;
    begin(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_command(p);
        int rv = give(p, rows[i].plugin, rows[i].sql, rows[i].bytes, rows[i].nargs);
        if (rv != rows[i].code || (rv < 0 && strcmp(p->err.rule, rows[i].rule) != 0)) {
            fail_msg("%s: %s %s: %s", rows[i].sql, err_token(rv), p->err.rule, p->err.text);
        }
        assert_int_equal(store_command_abort(p->s), 0);
    }
    commit(p);
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

/* A statement that gives no row for ever; the deadline alone cannot end it. What follows is not hit, though
 * interrupts keep coming. */
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
    assert_int_equal(run(p,
                         "INSERT INTO notes_note(text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                         "SELECT 'x' || i FROM n"),
                     ERR_TIMEOUT);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(values_come_back_as_they_went_in),
        CLAIM(bad_arguments_are_refused),
        CLAIM(errors_of_sql_have_their_codes),
        CLAIM(error_texts_are_cut_between_characters),
        CLAIM(like_tells_case_apart),
        CLAIM(returning_has_run_when_the_query_returns),
        CLAIM(queries_of_one_text_do_not_share_their_state),
        CLAIM(cursors_end_with_their_command),
        CLAIM(open_queries_are_bounded),
        CLAIM(statements_are_prepared_once_and_the_cache_is_bounded),
        CLAIM(cache_keeps_plugins_apart),
        CLAIM(rows_and_bytes_are_bounded),
        CLAIM(values_of_a_plugin_are_bounded),
        CLAIM(deadline_ends_a_query_between_rows),
        CLAIM(interrupt_from_another_thread_ends_the_statement),
        CLAIM(interrupted_write_loses_the_batch_and_is_noticed),
        CLAIM(stale_interrupts_never_hit_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
