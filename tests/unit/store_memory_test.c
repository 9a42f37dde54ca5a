/* The store: how much memory a plugin's statements may take. */
#include "store_place.h"

#include <pthread.h>

#include "base/thread.h"
#include "store/sqlite_memory.h"

#define MIB ((int64_t)1024 * 1024)

static char text[1000 * 1000];

/* Ask `plugin`'s question, whose one parameter is `len` bytes of text. */
static int ask(struct place *p, const char *plugin, const char *sql, size_t len)
{
    const struct value args[] = {value_text((struct slice){memset(text, 'x', sizeof(text)), len})};
    struct value v;
    struct buf keep = {0};
    int rv = store_value(p->s, plugin, slice_of(sql), args, len > 0, &v, &keep, &p->err);
    buf_close(&keep);
    return rv;
}

/* Two rows wait for each one that is taken. */
#define QUEUE                                                                                                          \
    "WITH RECURSIVE n(i, t) AS (SELECT 1, ? UNION ALL SELECT i + 1, t FROM n WHERE i < %s"                             \
    " UNION ALL SELECT i + 1, t FROM n WHERE i < %s) SELECT (SELECT count(*) FROM n) + count(*) FROM notes_note"

static const char *queue(const char *deep)
{
    static char sql[300];
    snprintf(sql, sizeof(sql), QUEUE, deep, deep);
    return sql;
}

/* Names of a WITH, each of which stands for two of the one before. */
static const char *doubling(int names)
{
    static char sql[4000];
    int len = snprintf(sql, sizeof(sql), "WITH a0 AS (SELECT 1 AS x)");
    for (int i = 1; i <= names; i++) {
        len += snprintf(sql + len, sizeof(sql) - (size_t)len,
                        ", a%d AS (SELECT p.x + q.x AS x FROM a%d AS p, a%d AS q)", i, i - 1, i - 1);
    }
    snprintf(sql + len, sizeof(sql) - (size_t)len, " SELECT count(*) FROM a%d", names);
    return sql;
}

static void expect_too_much(struct place *p, int rv)
{
    assert_int_equal(rv, ERR_LIMIT);
    assert_string_equal(p->err.rule, "limit.memory");
    assert_non_null(strstr(p->err.text, "more than 64 MiB of memory"));
}

static void a_query_takes_so_much_memory_and_no_more(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    const int64_t before = sqlite_memory_used();
    assert_int_equal(ask(p, "notes", queue("5"), sizeof(text)), 1);
    expect_too_much(p, ask(p, "notes", queue("9"), sizeof(text)));
    assert_true(sqlite_memory_used() - before < MIB);
    assert_false(store_read_alive(p->s));
    store_read_end(p->s);
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    assert_true(store_read_alive(p->s));
    assert_int_equal(ask(p, "notes", queue("5"), sizeof(text)), 1);
    store_read_end(p->s);
}

/* Rows that are asked for one by one: what waits between two steps counts as well. */
static void a_cursor_takes_no_more_by_small_steps(void **state)
{
    struct place *p = *state;
    const struct value args[] = {value_text((struct slice){memset(text, 'x', sizeof(text)), sizeof(text)})};
    struct cursor *c = NULL;
    int rv = 0, rows = 0;
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    assert_int_equal(
        store_query(p->s, "notes",
                    SLICE("WITH RECURSIVE n(t) AS (SELECT ? UNION ALL SELECT t FROM n UNION ALL SELECT t FROM n)"
                          " SELECT 1 FROM n"),
                    args, 1, &c, &p->err),
        0);
    while ((rv = cursor_step(c, &p->err)) == 1 && rows < 1000) {
        rows++;
    }
    expect_too_much(p, rv);
    assert_true(rows > 10 && rows < 100);
    store_read_end(p->s);
}

static void a_statement_is_prepared_within_the_same_bound(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    assert_int_equal(ask(p, "notes", doubling(6), 0), 1);
    expect_too_much(p, ask(p, "notes", doubling(20), 0));
    assert_true(store_read_alive(p->s)); /* nothing has run */
    assert_int_equal(ask(p, "notes", "SELECT 1", 0), 1);
    store_read_end(p->s);
}

static void the_host_is_not_bounded(void **state)
{
    struct place *p = *state;
    assert_int_equal(ask(p, NULL, queue("7"), sizeof(text)), 1);
    begin(p);
    begin_command(p);
    expect_too_much(p, ask(p, "notes", queue("7"), sizeof(text)));
    store_batch_abort(p->s);
    assert_int_equal(ask(p, NULL, queue("7"), sizeof(text)), 1);
}

/* Pages that a command changes are kept as they were until it ends. What one command took so is not held against the
 * next of its batch, and all of one counts together. */
static void each_command_of_a_batch_has_its_own(void **state)
{
    struct place *p = *state;
    char fill[3000];
    memset(fill, 'x', sizeof(fill));
    const struct value args[] = {value_text((struct slice){fill, sizeof(fill)})};
    assert_int_equal(store_run(p->s,
                               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
                               " INSERT INTO notes_note(text, size) SELECT ? || i, 0 FROM n",
                               args, 1, &p->err),
                     0);
    begin(p);
    for (int i = 0; i < 3; i++) {
        begin_command(p);
        assert_int_equal(run(p, "UPDATE notes_note SET size = size + 1"), 0);
        end_command(p);
    }
    commit(p);
    begin(p);
    begin_command(p);
    assert_int_equal(run(p, "UPDATE notes_note SET size = size + 1"), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    expect_too_much(p, run(p, "UPDATE notes_note SET size = size + 1"));
    assert_int_equal(store_command_abort(p->s), STORE_LOST);
    store_batch_abort(p->s);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE size = 3"), 10000);
}

/* A kept statement keeps neither its arguments nor, when it is large, itself. */
static void kept_statements_are_small(void **state)
{
    struct place *p = *state;
    char sql[5000];
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    const int64_t before = sqlite_memory_used();
    for (int i = 0; i < 100; i++) {
        snprintf(sql, sizeof(sql), "SELECT length(?) + %d", i);
        assert_int_equal(ask(p, "notes", sql, sizeof(text)), 1);
        snprintf(sql, sizeof(sql), "%s WHERE x > %d", doubling(10), i);
        assert_int_equal(ask(p, "notes", sql, 0), 1);
    }
    assert_true(sqlite_memory_used() - before < 4 * MIB);
    store_read_end(p->s);
}

static void *interrupt_on(void *arg)
{
    struct store *s = arg;
    for (int i = 0; i < 1000; i++) {
        store_interrupt(s);
        usleep(500);
    }
    return NULL;
}

/* SQLite does not look at an interrupt while it prepares. */
static void an_interrupt_ends_a_long_preparation(void **state)
{
    struct place *p = *state;
    pthread_t thread;
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    assert_int_equal(thread_start(&thread, "interrupter", interrupt_on, p->s), 0);
    char sql[5000];
    snprintf(sql, sizeof(sql), "%s AS p, a9 AS q, a9 AS r, a9 AS s", doubling(9));
    int rv = 0;
    for (int i = 0; i < 200 && rv != ERR_TIMEOUT; i++) {
        rv = ask(p, "notes", sql, 0);
        if (!store_read_alive(p->s)) {
            store_read_end(p->s);
            assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
        }
    }
    assert_int_equal(rv, ERR_TIMEOUT);
    assert_string_equal(p->err.rule, "sql.interrupted");
    pthread_join(thread, NULL);
    store_read_end(p->s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_query_takes_so_much_memory_and_no_more),      CLAIM(a_cursor_takes_no_more_by_small_steps),
        CLAIM(a_statement_is_prepared_within_the_same_bound), CLAIM(the_host_is_not_bounded),
        CLAIM(each_command_of_a_batch_has_its_own),           CLAIM(kept_statements_are_small),
        CLAIM(an_interrupt_ends_a_long_preparation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
