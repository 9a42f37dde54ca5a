/* What the tests of the store share: a data folder with the tables of the host and of a plugin "notes". */
#ifndef MUSTER_TESTS_STORE_PLACE_H
#define MUSTER_TESTS_STORE_PLACE_H

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

/* A data folder with the host's tables and two tables of the plugin "notes". */
struct place {
    char folder[64];
    char path[96];
    struct store *s;
    struct err err;
};

static const char tables[] =
    "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER) STRICT;"
    "CREATE TABLE notes_part(id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes_note(id)) STRICT;";

static inline struct store *open_role(struct place *p, enum store_role role, bool unsafe)
{
    const struct store_options options = {.path = p->path, .unsafe_sql = unsafe};
    struct store *s = NULL;
    assert_int_equal(store_open(&options, role, &s, &p->err), 0);
    return s;
}

static inline void open_place(struct place *p, bool unsafe)
{
    const struct migration list[] = {{1, "001_tables", {tables, sizeof(tables) - 1}}};
    memset(p, 0, sizeof(*p));
    strcpy(p->folder, "/tmp/muster-store-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof(p->path), "%s/muster.db", p->folder);
    p->s = open_role(p, STORE_WRITER, unsafe);
    assert_true(migrate_host(p->s, &p->err) > 0);
    assert_int_equal(migrate(p->s, "notes", list, 1, &p->err), 1);
}

static inline void remove_folder(struct place *p)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(p->folder), 0);
}

static inline int set_up(void **state)
{
    struct place *p = malloc(sizeof(*p));
    open_place(p, false);
    *state = p;
    return 0;
}

static inline int set_up_unsafe(void **state)
{
    struct place *p = malloc(sizeof(*p));
    open_place(p, true);
    *state = p;
    return 0;
}

static inline int tear_down(void **state)
{
    struct place *p = *state;
    store_close(p->s);
    remove_folder(p);
    free(p);
    return 0;
}

static const struct store_request plain = {.user_id = 1};

static inline struct store_request keyed(const char *key, unsigned char hash)
{
    struct store_request r = {.user_id = 7, .key = slice_of(key), .at_ms = 1000};
    memset(r.hash, hash, sizeof(r.hash));
    return r;
}

static inline void begin(struct place *p)
{
    assert_int_equal(store_batch_begin(p->s, &p->err), STORE_OK);
}

static inline void begin_command(struct place *p)
{
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), STORE_NEW);
}

static inline void end_command(struct place *p)
{
    assert_int_equal(store_command_end(p->s, &plain, SLICE("+OK\r\n"), &p->err), 0);
}

static inline void commit(struct place *p)
{
    assert_int_equal(store_batch_commit(p->s, &p->err), STORE_OK);
}

static inline int run(struct place *p, const char *sql)
{
    return store_exec(p->s, "notes", slice_of(sql), NULL, 0, NULL, &p->err);
}

static inline int add(struct place *p, const char *text)
{
    const struct value args[] = {value_cstr(text)};
    return store_exec(p->s, "notes", SLICE("INSERT INTO notes_note(text) VALUES(?)"), args, 1, NULL, &p->err);
}

/* The host's view, outside of any batch. */
static inline int64_t number(struct store *s, const char *sql)
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

static inline int64_t notes(struct place *p)
{
    return number(p->s, "SELECT count(*) FROM notes_note");
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CLAIM_UNSAFE(name) cmocka_unit_test_setup_teardown(name, set_up_unsafe, tear_down)

#endif
