/* A database on the other side of a line: what goes in comes back, and nothing that is said there is believed. */
#include "store_place.h"

#include "store/remote.h"

/* Both sides in one process: a message is answered at once. */
struct pair {
    struct place place;
    struct remote_line line;
    struct store *s;
    struct remote_cursors cursors;
    int asked;
    bool gone;
};

static int serve(struct pair *p, struct slice message, struct buf *answer, struct err *err)
{
    struct reader r = {message};
    struct reply reply;
    struct slice word;
    int64_t count;
    if (remote_take_array(&r, &count) != 0 || count-- < 1 || remote_take_text(&r, 20, &word) != 0)
        return ERR_PROTO;
    reply_begin(&reply, answer, 0);
    int rv = store_remote_serve(p->place.s, "notes", &p->cursors, word, &r, count, &reply, err);
    return rv == 0 ? reply_finish(&reply) : rv;
}

static int answer(void *arg, struct slice message, struct buf *out, struct err *err)
{
    struct pair *p = arg;
    struct err refused = {0};
    p->asked++;
    if (p->gone)
        return err_set(err, ERR_IO, "nobody is there");
    int rv = serve(p, message, out, &refused);
    assert_int_not_equal(rv, ERR_PROTO); /* our own messages are understood */
    assert_int_not_equal(rv, 1);
    if (rv != 0) {
        buf_clear(out);
        reply_error(out, &refused);
    }
    return 0;
}

static int open_pair(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));
    open_place(&p->place, false);
    p->line = (struct remote_line){answer, p};
    p->s = store_remote_new(&p->line);
    store_remote_enter(p->s);
    begin(&p->place);
    begin_command(&p->place);
    *state = p;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *p = *state;
    store_remote_close_all(&p->cursors);
    store_remote_leave(p->s);
    store_close(p->s);
    store_batch_abort(p->place.s);
    store_close(p->place.s);
    remove_folder(&p->place);
    free(p);
    return 0;
}

static int insert(struct pair *p, const char *text, int64_t size)
{
    const struct value args[] = {value_cstr(text), value_int(size)};
    int64_t changes = 0;
    int rv = store_exec(p->s, "notes", SLICE("INSERT INTO notes_note(text, size) VALUES(?, ?)"), args, 2, &changes,
                        &p->place.err);
    assert_true(rv != 0 || changes == 1);
    return rv;
}

static struct cursor *query(struct pair *p, const char *sql)
{
    struct cursor *c = NULL;
    if (store_query(p->s, "notes", slice_of(sql), NULL, 0, &c, &p->place.err) != 0)
        fail_msg("%s: %s", sql, p->place.err.text);
    return c;
}

static void values_cross_the_line_and_come_back(void **state)
{
    struct pair *p = *state;
    const char bytes[] = {0, 1, (char)0xff, '\r', '\n'};
    const struct value args[] = {
        value_int(INT64_MIN), {.type = VALUE_DOUBLE, .d = 0.1},        value_cstr("防\r\n控"),
        value_bool(true),     {.type = VALUE_BLOB, .s = {bytes, 5}},   value_null(),
        {.type = VALUE_TEXT}, {.type = VALUE_JSON, .s = SLICE("[1]")},
    };
    struct cursor *c = NULL;
    struct value v;
    assert_int_equal(
        store_query(p->s, "notes", SLICE("SELECT ? AS i, ? AS r, ?, ?, ?, ?, ?, ?"), args, 8, &c, &p->place.err), 0);
    assert_int_equal(cursor_columns(c), 8);
    assert_string_equal(cursor_name(c, 0), "i");
    assert_string_equal(cursor_name(c, 1), "r");
    assert_int_equal(cursor_step(c, &p->place.err), 1);
    cursor_value(c, 0, &v);
    assert_true(v.type == VALUE_INT && v.i == INT64_MIN);
    cursor_value(c, 1, &v);
    assert_true(v.type == VALUE_DOUBLE && v.d > 0.09999 && v.d < 0.10001);
    cursor_value(c, 2, &v);
    assert_true(v.type == VALUE_TEXT && slice_is(v.s, "防\r\n控"));
    cursor_value(c, 3, &v);
    assert_true(v.type == VALUE_INT && v.i == 1);
    cursor_value(c, 4, &v);
    assert_true(v.type == VALUE_BLOB && v.s.len == 5 && memcmp(v.s.data, bytes, 5) == 0);
    cursor_value(c, 5, &v);
    assert_true(v.type == VALUE_NULL);
    cursor_value(c, 6, &v);
    assert_true(v.type == VALUE_TEXT && v.s.len == 0);
    cursor_value(c, 7, &v);
    assert_true(v.type == VALUE_TEXT && slice_is(v.s, "[1]"));
    assert_int_equal(cursor_step(c, &p->place.err), 0);
    cursor_close(c);
    assert_int_equal(p->asked, 1);
}

/* A text stays a text, even one that is none: what the database calls it decides, on both sides. */
static void a_text_that_is_not_utf8_is_a_text(void **state)
{
    struct pair *p = *state;
    struct store *sides[] = {p->place.s, p->s};
    for (int i = 0; i < 2; i++) {
        struct cursor *c = NULL;
        struct value v;
        const struct value bytes = {.type = VALUE_BLOB, .s = SLICE("\xff\x41")};
        if (store_query(sides[i], "notes", SLICE("SELECT CAST(? AS TEXT)"), &bytes, 1, &c, &p->place.err) != 0)
            fail_msg("%s", p->place.err.text);
        assert_int_equal(cursor_step(c, NULL), 1);
        cursor_value(c, 0, &v);
        assert_int_equal(v.type, VALUE_TEXT);
        assert_true(slice_is(v.s, "\xff\x41"));
        cursor_close(c);
    }
}

/* A short result is one question; a long one a question for every 64 KiB, and none when it is closed early but one. */
static void rows_come_in_chunks(void **state)
{
    struct pair *p = *state;
    char text[400];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "%0300d", i);
        assert_int_equal(insert(p, text, i), 0);
    }
    p->asked = 0;
    struct cursor *c = query(p, "SELECT size, text FROM notes_note ORDER BY size");
    struct value v;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(cursor_step(c, &p->place.err), 1);
        cursor_value(c, 0, &v);
        assert_int_equal(v.i, i);
        cursor_value(c, 1, &v);
        assert_int_equal(v.s.len, 300);
    }
    assert_int_equal(cursor_step(c, &p->place.err), 0);
    cursor_close(c);
    assert_in_range(p->asked, 3, 8);
    p->asked = 0;
    c = query(p, "SELECT text FROM notes_note");
    assert_int_equal(cursor_step(c, &p->place.err), 1);
    cursor_close(c);
    assert_int_equal(p->asked, 2);
    for (int i = 0; i < 64; i++)
        assert_null(p->cursors.open[i]);
}

static void an_error_is_the_real_ones_and_dooms_both_sides(void **state)
{
    struct pair *p = *state;
    assert_int_equal(insert(p, "a", 1), 0);
    assert_int_equal(insert(p, "a", 2), ERR_CONFLICT);
    assert_string_equal(p->place.err.rule, "sql.constraint");
    assert_int_equal(insert(p, "b", 2), ERR_STATE);
    assert_string_equal(p->place.err.rule, "sql.doomed");
    assert_int_equal(run(&p->place, "DELETE FROM notes_note"), ERR_STATE);
}

static void anothers_table_is_refused_by_the_real_guard(void **state)
{
    struct pair *p = *state;
    struct cursor *c = NULL;
    assert_int_equal(store_query(p->s, "notes", SLICE("SELECT * FROM muster_user"), NULL, 0, &c, &p->place.err),
                     ERR_POLICY);
    assert_null(c);
}

static void who_is_gone_is_an_error_and_nothing_more(void **state)
{
    struct pair *p = *state;
    struct cursor *c = query(p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
                                "SELECT i FROM n");
    int rows = 0, rv;
    p->gone = true;
    while ((rv = cursor_step(c, &p->place.err)) == 1)
        rows++;
    assert_int_equal(rv, ERR_IO);
    assert_in_range(rows, 1, 4999);
    cursor_close(c);
    assert_true(insert(p, "x", 1) < 0);
}

/* A row far behind the first chunk can't be computed: that is the query's error, and what was its place over there is
 * not asked for again. */
static void a_query_that_fails_late_is_over(void **state)
{
    struct pair *p = *state;
    struct cursor *c = query(p, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
                                "SELECT abs(CASE i WHEN 4000 THEN -9223372036854775807 - 1 ELSE i END) FROM n");
    int rows = 0, rv;
    while ((rv = cursor_step(c, &p->place.err)) == 1)
        rows++;
    assert_true(rv < 0 && rv != ERR_PROTO);
    assert_in_range(rows, 1, 3999);
    const int asked = p->asked;
    cursor_close(c);
    assert_int_equal(p->asked, asked);
}

/* Nested commands: the inner one's queries end with it, the outer one's go on. */
static void what_is_left_open_ends_with_its_command(void **state)
{
    struct pair *p = *state;
    struct value v;
    struct cursor *outer = query(p, "SELECT 1 UNION ALL SELECT 2");
    assert_int_equal(cursor_step(outer, &p->place.err), 1);
    store_remote_enter(p->s);
    struct cursor *inner = query(p, "SELECT 3");
    assert_ptr_not_equal(inner, outer);
    store_remote_leave(p->s);
    assert_int_equal(cursor_step(outer, &p->place.err), 1);
    cursor_value(outer, 0, &v);
    assert_int_equal(v.i, 2);
    cursor_close(outer);
}

/* A statement that may not be is refused by whoever refuses it here, in the same words. */
static void a_statement_is_the_stores_to_refuse(void **state)
{
    struct pair *p = *state;
    struct buf sql = {0};
    struct cursor *c = NULL;
    while (sql.len <= 256 * 1024)
        buf_text(&sql, "SELECT 1 -- and much more of it ");
    const struct value odd = {.type = VALUE_TEXT, .s = SLICE("\xff")};
    const struct slice texts[] = {SLICE("SELECT '\xff'"), buf_view(&sql), SLICE("SELECT ?")};
    store_command_abort(p->place.s);
    for (int i = 0; i < 3; i++) {
        const int nargs = i == 2; /* the last is fine but for what it is given */
        struct err here = {0}, there = {0};
        begin_command(&p->place);
        bool refused = store_query(p->place.s, "notes", texts[i], &odd, nargs, &c, &here) < 0;
        store_command_abort(p->place.s);
        begin_command(&p->place);
        store_remote_enter(p->s);
        refused = refused && store_query(p->s, "notes", texts[i], &odd, nargs, &c, &there) < 0;
        store_remote_leave(p->s);
        store_command_abort(p->place.s);
        assert_true(refused);
        assert_int_equal(there.code, here.code);
        assert_string_equal(there.rule, here.rule);
        assert_string_equal(there.text, here.text);
    }
    buf_close(&sql);
}

/* As many as muster.h promises. */
static void a_statement_has_a_thousand_parameters(void **state)
{
    struct pair *p = *state;
    static struct value args[1000];
    struct buf sql = {0};
    struct value v;
    struct cursor *c = NULL;
    for (int i = 0; i < 1000; i++) {
        args[i] = value_int(i);
        buf_text(&sql, i == 0 ? "SELECT ?" : i % 100 == 0 ? ", ?" : " + ?");
    }
    if (store_query(p->s, "notes", buf_view(&sql), args, 1000, &c, &p->place.err) != 0)
        fail_msg("%s", p->place.err.text);
    assert_int_equal(cursor_step(c, &p->place.err), 1);
    cursor_value(c, 9, &v);
    assert_int_equal(v.i, 94950); /* 900 + … + 999 */
    cursor_close(c);
    buf_close(&sql);
}

/* Whatever the other side sends, it is refused as no message, or answered; and an open query needs a place. */
static void strange_messages_are_refused(void **state)
{
    struct pair *p = *state;
    static const char *const messages[] = {
        "",
        "*0\r\n",
        "*1\r\n$4\r\nexec\r\n",
        "*2\r\n$4\r\nexec\r\n:1\r\n",
        "*3\r\n$4\r\nexec\r\n$8\r\nSELECT ?\r\n*1\r\n:1\r\n",
        "*2\r\n$4\r\nmore\r\n:0\r\n",
        "*2\r\n$4\r\nmore\r\n:-1\r\n",
        "*2\r\n$5\r\nclose\r\n:64\r\n",
        "*2\r\n$5\r\nclose\r\n$1\r\n0\r\n",
        "*2\r\n$5\r\nquery\r\n$8\r\nSELECT 1\r\n:1\r\n",
        "*9999999\r\n$5\r\nquery\r\n",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct buf out = {0};
        if (serve(p, slice_of(messages[i]), &out, &p->place.err) != ERR_PROTO)
            fail_msg("message %zu", i);
        buf_close(&out);
    }
    struct buf out = {0};
    assert_int_equal(serve(p, SLICE("*1\r\n$4\r\nrows\r\n"), &out, &p->place.err), 1);
    const char *sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9000) SELECT i FROM n";
    char many[300];
    snprintf(many, sizeof(many), "*2\r\n$5\r\nquery\r\n$%zu\r\n%s\r\n", strlen(sql), sql);
    int rv = 0, opened = 0;
    while (opened < 100 && (rv = serve(p, slice_of(many), &out, &p->place.err)) == 0)
        opened++;
    assert_int_equal(rv, ERR_LIMIT);
    assert_int_equal(opened, 64);
    buf_close(&out);
}

#define PAIR(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR(values_cross_the_line_and_come_back),
        PAIR(a_text_that_is_not_utf8_is_a_text),
        PAIR(rows_come_in_chunks),
        PAIR(an_error_is_the_real_ones_and_dooms_both_sides),
        PAIR(anothers_table_is_refused_by_the_real_guard),
        PAIR(who_is_gone_is_an_error_and_nothing_more),
        PAIR(a_query_that_fails_late_is_over),
        PAIR(what_is_left_open_ends_with_its_command),
        PAIR(a_statement_has_a_thousand_parameters),
        PAIR(a_statement_is_the_stores_to_refuse),
        PAIR(strange_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
