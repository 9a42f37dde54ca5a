/* The store: functions of SQL that are Muster's own, compared with SQLite's. */
#include "store_place.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/thread.h"

/* SQLite as it comes, told to keep case apart in LIKE as the store does. */
static sqlite3 *plain_sqlite(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA case_sensitive_like = ON", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void bind(sqlite3_stmt *stmt, int i, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        sqlite3_bind_null(stmt, i);
        break;
    case VALUE_INT:
        sqlite3_bind_int64(stmt, i, v->i);
        break;
    case VALUE_BLOB:
        sqlite3_bind_blob(stmt, i, v->s.data, (int)v->s.len, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_text(stmt, i, v->s.data, (int)v->s.len, SQLITE_STATIC);
    }
}

/* The type and the bytes of the answer, or "error". */
static void ask_sqlite(sqlite3 *db, const char *sql, const struct value *args, int nargs, char out[200])
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; i < nargs; i++) {
        bind(stmt, i + 1, &args[i]);
    }
    strcpy(out, "error");
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const int type = sqlite3_column_type(stmt, 0);
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(out, 200, "%d %d %s", type, sqlite3_column_bytes(stmt, 0), text ? text : "");
    }
    sqlite3_finalize(stmt);
}

static void ask_store(struct place *p, const char *sql, const struct value *args, int nargs, char out[200])
{
    struct cursor *c = NULL;
    struct value v;
    strcpy(out, "error");
    assert_int_equal(store_read_begin(p->s, &p->err), STORE_OK);
    if (store_query(p->s, "notes", slice_of(sql), args, nargs, &c, &p->err) == 0 && cursor_step(c, &p->err) == 1) {
        cursor_value(c, 0, &v);
        if (v.type == VALUE_INT) {
            snprintf(out, 200, "%d %d %lld", SQLITE_INTEGER, snprintf(NULL, 0, "%lld", (long long)v.i), (long long)v.i);
        } else if (v.type == VALUE_NULL) {
            snprintf(out, 200, "%d 0 ", SQLITE_NULL);
        } else {
            snprintf(out, 200, "%d %zu %.*s", v.type == VALUE_BLOB ? SQLITE_BLOB : SQLITE_TEXT, v.s.len, (int)v.s.len,
                     v.s.data);
        }
    }
    store_read_end(p->s);
}

static unsigned seed = 1;
static unsigned chance(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

/* A short text of few characters, so that they meet; now and then something else. */
static struct value anything(char keep[64])
{
    static const char *const pieces[] = {"a", "b", "ab", "%", "_", "\\", "中", "文", "é", "A"};
    const unsigned what = chance(40);
    size_t len = 0;
    keep[0] = '\0';
    if (what == 0) {
        return value_null();
    }
    if (what == 1) {
        return value_int(chance(200));
    }
    for (unsigned n = chance(10); n > 0; n--) {
        const char *piece = pieces[chance(10)];
        strcpy(keep + len, piece);
        len += strlen(piece);
    }
    return (struct value){.type = what == 2 ? VALUE_BLOB : VALUE_TEXT, .s = {keep, len}};
}

static void expect_same(struct place *p, sqlite3 *db, const char *sql, const struct value *args, int nargs)
{
    char theirs[200], ours[200];
    ask_sqlite(db, sql, args, nargs, theirs);
    ask_store(p, sql, args, nargs, ours);
    if (strcmp(theirs, ours) != 0) {
        for (int i = 0; i < nargs; i++) {
            print_error("%d: type %d, %.*s\n", i, args[i].type, (int)args[i].s.len, args[i].s.data);
        }
        fail_msg("%s: SQLite says %s, the store %s", sql, theirs, ours);
    }
}

static void they_answer_as_those_of_sqlite(void **state)
{
    static const struct {
        const char *sql;
        int nargs;
    } questions[] = {
        {"SELECT replace(?, ?, ?)", 3}, {"SELECT trim(?, ?)", 2}, {"SELECT ltrim(?, ?)", 2},
        {"SELECT rtrim(?, ?)", 2},      {"SELECT ? LIKE ?", 2},   {"SELECT ? NOT LIKE ?", 2},
    };
    struct place *p = *state;
    sqlite3 *db = plain_sqlite();
    char keep[3][64];
    for (int i = 0; i < 20000; i++) {
        const struct value args[] = {anything(keep[0]), anything(keep[1]), anything(keep[2])};
        const unsigned which = chance(sizeof(questions) / sizeof(questions[0]));
        expect_same(p, db, questions[which].sql, args, questions[which].nargs);
    }
    static const char *const escapes[] = {"\\", "%", "_", "a", "中", "", "ab"};
    for (int i = 0; i < 20000; i++) {
        const struct value args[] = {anything(keep[0]), anything(keep[1]), value_cstr(escapes[chance(7)])};
        expect_same(p, db, "SELECT ? LIKE ? ESCAPE ?", args, 3);
    }
    sqlite3_close(db);
}

/* The host asks with texts that a plugin may not have. */
static int64_t length_of(struct place *p, const char *sql, const char *a, const char *b, const char *c)
{
    const struct value args[] = {value_cstr(a), value_cstr(b), value_cstr(c)};
    struct value v;
    struct buf keep = {0};
    int rv = store_value(p->s, NULL, slice_of(sql), args, c ? 3 : 2, &v, &keep, &p->err);
    buf_close(&keep);
    return rv < 0 ? rv : v.i;
}

static char *many(const char *what, size_t count, const char *tail)
{
    const size_t len = strlen(what);
    char *text = malloc(count * len + strlen(tail) + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * len, what, len);
    }
    strcpy(text + count * len, tail);
    return text;
}

static void long_texts_take_no_longer_than_they_are(void **state)
{
    struct place *p = *state;
    char *text = many("a", 4 << 20, ""), *half = many("a", 2 << 20, "b"), *shorter = many("a", 1 << 17, ""),
         *long_one = many("b", 200, ""), *set = many("b", 63, "a"), *more = many("b", 64, "a");
    assert_int_equal(length_of(p, "SELECT length(replace(?, ?, ?))", text, half, "c"), 4 << 20);
    assert_int_equal(length_of(p, "SELECT length(replace(?, ?, ?))", shorter, "a", ""), 0);
    assert_int_equal(length_of(p, "SELECT length(replace(?, ?, ?))", shorter, "aa", "bcd"), 3 << 16);
    assert_int_equal(length_of(p, "SELECT length(replace(?, ?, ?))", shorter, "a", long_one), ERR_TOOBIG);
    assert_int_equal(length_of(p, "SELECT length(trim(?, ?))", text, set, NULL), 0);
    assert_int_equal(length_of(p, "SELECT length(trim(?, ?))", text, more, NULL), ERR_ARG);
    assert_non_null(strstr(p->err.text, "at most 64 characters"));
    assert_int_equal(length_of(p, "SELECT ? LIKE '%b%' OR ? LIKE '%c'", text, text, NULL), 0);
    free(text);
    free(half);
    free(shorter);
    free(long_one);
    free(set);
    free(more);
}

static atomic_bool over;

/* Until the statement has ended: one that comes before it begins is no interrupt of it. */
static void *interrupt_it(void *arg)
{
    struct store *s = arg;
    while (!atomic_load(&over)) {
        store_interrupt(s);
        usleep(500);
    }
    return NULL;
}

/* Without a look at the interrupts this would take a minute. */
static void like_hears_an_interrupt(void **state)
{
    struct place *p = *state;
    pthread_t thread;
    char *text = many("a", 15 << 20, ""), *pattern = many("_a", 400, "b");
    pattern[0] = '%';
    atomic_store(&over, false);
    assert_int_equal(thread_start(&thread, "interrupter", interrupt_it, p->s), 0);
    const int rv = length_of(p, "SELECT ? LIKE ?", text, pattern, NULL);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    assert_int_equal(rv, ERR_TIMEOUT);
    assert_string_equal(p->err.rule, "sql.interrupted");
    free(text);
    free(pattern);
}

/* A statement that is long works on shorter values: between two looks at the interrupts it may read each of them. */
static void long_statements_take_shorter_values(void **state)
{
    struct place *p = *state;
    struct buf sql = {0};
    static char text[1024 * 1024];
    memset(text, '1', sizeof(text));
    struct value args[] = {value_text((struct slice){text, sizeof(text)})};
    begin(p);
    for (int columns = 1; columns <= 64; columns *= 64) {
        buf_clear(&sql);
        buf_text(&sql, "WITH a AS (SELECT ? AS t) SELECT 0");
        for (int i = 0; i < columns; i++) {
            buf_text(&sql, ", length(t)");
            for (int j = 0; j < 100 && columns > 1; j++) {
                buf_text(&sql, " + t");
            }
        }
        buf_text(&sql, " FROM a");
        begin_command(p);
        int rv = store_exec(p->s, "notes", buf_view(&sql), args, 1, NULL, &p->err);
        assert_int_equal(rv, columns == 1 ? 0 : ERR_TOOBIG);
        assert_int_equal(store_command_abort(p->s), 0);
    }
    assert_non_null(strstr(p->err.text, "the most for this statement"));
    args[0].s.len = 4000;
    begin_command(p);
    assert_int_equal(store_exec(p->s, "notes", buf_view(&sql), args, 1, NULL, &p->err), 0);
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
    buf_close(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(they_answer_as_those_of_sqlite),
        CLAIM(long_texts_take_no_longer_than_they_are),
        CLAIM(like_hears_an_interrupt),
        CLAIM(long_statements_take_shorter_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
