/* Injected faults: SQLite answers with every outcome that a distributed engine could. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/faulty.h"
#include "store/migrate.h"
#include "store/store.h"

static void script_counts_the_calls_of_each_kind(void **state)
{
    struct faults *f = NULL;
    (void)state;
    assert_int_equal(faults_parse("commit-retry@2,exec-full@1,commit-io@3", &f, NULL), 0);
    assert_string_equal(faults_next(f, "exec"), "exec-full");
    assert_null(faults_next(f, "commit"));
    assert_null(faults_next(f, "begin"));
    assert_null(faults_next(f, "exec"));
    assert_string_equal(faults_next(f, "commit"), "commit-retry");
    assert_string_equal(faults_next(f, "commit"), "commit-io");
    assert_null(faults_next(f, "commit"));
    assert_null(faults_next(f, "fetch"));
    faults_free(f);
    faults_free(NULL);
}

static void bad_scripts_are_refused(void **state)
{
    static const char *const bad[] = {"commit",
                                      "commit-retry",
                                      "commit-retry@0",
                                      "commit-retry@-1",
                                      "commit-retry@x",
                                      "commit-retry@1x",
                                      "commit-retries@1",
                                      "@1",
                                      ",",
                                      "exec-full@1,,exec-full@2"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct faults *f = NULL;
        struct err err = {0};
        assert_int_equal(faults_parse(bad[i], &f, &err), ERR_ARG);
        assert_null(f);
        assert_true(err.text[0]);
    }
    struct faults *none = NULL;
    assert_int_equal(faults_parse("", &none, NULL), 0);
    assert_null(faults_next(none, "commit"));
    faults_free(none);
}

/* -- through the store -- */

struct place {
    char folder[64];
    char path[96];
    struct store *s;
};

static const char tables[] = "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;";

static struct place open_place(const char *faults)
{
    struct place p = {.folder = "/tmp/muster-faulty-XXXXXX"};
    const struct migration list = {1, "001_tables", {tables, sizeof(tables) - 1}};
    assert_non_null(mkdtemp(p.folder));
    snprintf(p.path, sizeof(p.path), "%s/muster.db", p.folder);
    const struct store_options options = {.path = p.path, .faults = faults};
    assert_int_equal(store_open(&options, STORE_WRITER, &p.s, NULL), 0);
    /* Migrations are no batches: no fault is spent on them. */
    assert_true(migrate_host(p.s, NULL) > 0);
    assert_int_equal(migrate(p.s, "notes", &list, 1, NULL), 1);
    return p;
}

static void close_place(struct place *p)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    store_close(p->s);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    rmdir(p->folder);
}

static struct store_request request(const char *key)
{
    struct store_request r = {.user_id = 1, .key = slice_of(key), .at_ms = 5};
    memset(r.hash, 9, sizeof(r.hash));
    return r;
}

/* One batch of one command that adds a note of the key's name; the outcome of its commit. */
static int write_one(struct place *p, const char *key, struct err *err)
{
    const struct store_request r = request(key);
    const struct value args[] = {value_cstr(key)};
    int rv = store_batch_begin(p->s, err);
    if (rv != STORE_OK) {
        return rv;
    }
    assert_int_equal(store_command_begin(p->s, &r, NULL, err), STORE_NEW);
    assert_int_equal(store_exec(p->s, "notes", SLICE("INSERT INTO notes_note(text) VALUES(?)"), args, 1, NULL, err), 0);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), err), 0);
    return store_batch_commit(p->s, err);
}

static int find(struct place *p, const char *key)
{
    const struct store_request r = request(key);
    return store_command_find(p->s, &r, NULL, NULL);
}

/* Whatever a commit answers, the request is findable exactly when it was kept, and the next batch works. */
static void commit_outcome_tells_the_truth(void **state)
{
    static const struct {
        const char *fault;
        int outcome;
        int found;
    } rows[] = {
        {"commit-retry@1", STORE_RETRY, STORE_NEW},  {"commit-unknown@1", STORE_UNKNOWN, STORE_DONE},
        {"commit-lost@1", STORE_UNKNOWN, STORE_NEW}, {"commit-fenced@1", STORE_FENCED, STORE_NEW},
        {"commit-io@1", ERR_IO, STORE_NEW},          {"commit-retry@2", STORE_OK, STORE_DONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        struct place p = open_place(rows[i].fault);
        assert_int_equal(write_one(&p, "first", &err), rows[i].outcome);
        assert_false(store_batch_alive(p.s));
        assert_int_equal(find(&p, "first"), rows[i].found);
        if (i < 5) {
            assert_int_equal(write_one(&p, "second", &err), STORE_OK);
            assert_int_equal(find(&p, "second"), STORE_DONE);
        }
        close_place(&p);
    }
}

static void fenced_begin_opens_nothing(void **state)
{
    struct err err = {0};
    (void)state;
    struct place p = open_place("begin-fenced@2");
    assert_int_equal(write_one(&p, "first", &err), STORE_OK);
    assert_int_equal(write_one(&p, "second", &err), STORE_FENCED);
    assert_false(store_batch_alive(p.s));
    assert_int_equal(write_one(&p, "third", &err), STORE_OK);
    assert_int_equal(find(&p, "second"), STORE_NEW);
    close_place(&p);
}

static void full_disk_dooms_the_command_only(void **state)
{
    const struct store_request plain = {.user_id = 1};
    const struct slice sql = SLICE("INSERT INTO notes_note(text) VALUES('x')");
    struct err err = {0};
    (void)state;
    struct place p = open_place("exec-full@1");
    assert_int_equal(store_batch_begin(p.s, &err), STORE_OK);
    assert_int_equal(store_command_begin(p.s, &plain, NULL, &err), STORE_NEW);
    assert_int_equal(store_exec(p.s, "notes", sql, NULL, 0, NULL, &err), ERR_IO);
    assert_non_null(strstr(err.text, "disk full"));
    assert_int_equal(store_exec(p.s, "notes", sql, NULL, 0, NULL, &err), ERR_STATE);
    assert_int_equal(store_command_abort(p.s), 0);
    assert_int_equal(store_command_begin(p.s, &plain, NULL, &err), STORE_NEW);
    assert_int_equal(store_exec(p.s, "notes", sql, NULL, 0, NULL, &err), 0);
    assert_int_equal(store_command_end(p.s, &plain, SLICE(""), &err), 0);
    assert_int_equal(store_batch_commit(p.s, &err), STORE_OK);
    close_place(&p);
}

static void bad_script_keeps_the_store_shut(void **state)
{
    const struct store_options options = {.path = "/tmp/muster-never-made.db", .faults = "commit-maybe@1"};
    struct store *s = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(store_open(&options, STORE_WRITER, &s, &err), ERR_ARG);
    assert_null(s);
    assert_int_equal(access("/tmp/muster-never-made.db", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_counts_the_calls_of_each_kind), cmocka_unit_test(bad_scripts_are_refused),
        cmocka_unit_test(commit_outcome_tells_the_truth),       cmocka_unit_test(fenced_begin_opens_nothing),
        cmocka_unit_test(full_disk_dooms_the_command_only),     cmocka_unit_test(bad_script_keeps_the_store_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
