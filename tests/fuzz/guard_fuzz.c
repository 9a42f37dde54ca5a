/* Any bytes as SQL: the linter and the cutter must end, stay inside the text, and agree with each other; and what
 * the linter lets pass, the database must survive under the authorizer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/guard.h"
#include "store/migrate.h"
#include "store/store.h"

static const char tables[] =
    "CREATE TABLE notes_note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER) STRICT;"
    "CREATE TABLE notes_part(id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes_note(id)) STRICT;";

static char folder[] = "/tmp/muster-guard-fuzz-XXXXXX";

static void clean_up(void)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static struct store *open_once(void)
{
    static struct store *s;
    char path[128];
    const struct migration m = {1, "001_tables", {tables, sizeof(tables) - 1}};
    if (s) {
        return s;
    }
    if (!mkdtemp(folder)) {
        abort();
    }
    atexit(clean_up);
    snprintf(path, sizeof(path), "%s/muster.db", folder);
    const struct store_options options = {.path = path};
    if (store_open(&options, STORE_WRITER, &s, NULL) < 0 || migrate_host(s, NULL) < 0 ||
        migrate(s, "notes", &m, 1, NULL) < 0 ||
        store_run(s, "INSERT INTO muster_user(name, methods, created_at) VALUES('root', '', 0)", NULL, 0, NULL) < 0) {
        abort();
    }
    return s;
}

/* A linted statement can break neither the batch nor what is not its own. */
static void run(struct slice sql)
{
    const struct store_request plain = {.user_id = 1};
    struct store *s = open_once();
    struct value users;
    struct buf keep = {0};
    struct cursor *c = NULL;
    if (store_batch_begin(s, NULL) != STORE_OK || store_command_begin(s, &plain, NULL, NULL) != STORE_NEW) {
        abort();
    }
    store_limits(s, 100, 100000, 0);
    if (store_query(s, "notes", sql, NULL, 0, &c, NULL) == 0) {
        while (cursor_step(c, NULL) == 1) {
        }
        cursor_close(c);
    }
    store_limits(s, 0, 0, 0);
    if (!store_batch_alive(s) || store_command_abort(s) != 0) {
        abort();
    }
    if (store_value(s, NULL, SLICE("SELECT count(*) FROM muster_user WHERE name = 'root'"), NULL, 0, &users, &keep,
                    NULL) != 1 ||
        users.i != 1) {
        abort();
    }
    buf_close(&keep);
    store_batch_abort(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice sql = {(const char *)data, size};
    struct slice rest = sql;
    struct err err = {0};
    size_t len;
    while ((len = guard_statement(rest)) > 0) {
        if (len > rest.len) {
            abort();
        }
        rest.data += len;
        rest.len -= len;
    }
    guard_lint(sql, GUARD_MIGRATION, &err);
    if (guard_lint(sql, GUARD_COMMAND, &err) == 0) {
        /* One statement, so the cutter takes all but blanks. */
        size_t first = guard_statement(sql);
        if (first == 0 || guard_statement((struct slice){sql.data + first, sql.len - first}) != 0) {
            abort();
        }
        if (!memmem(data, size, "recursive", 9) && !memmem(data, size, "RECURSIVE", 9)) {
            run(sql);
        }
    }
    return 0;
}
