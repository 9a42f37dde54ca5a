/* The SQLite driver's own state, shared by its files. */
#ifndef MUSTER_STORE_SQLITE_H
#define MUSTER_STORE_SQLITE_H

#include <sqlite3.h>

#include "store/driver.h"
#include "store/token.h"

/* The statements of transaction control: prepared once, never in the cache. */
enum sqlite_fixed {
    FIXED_BEGIN,
    FIXED_BEGIN_WRITE,
    FIXED_COMMIT,
    FIXED_ROLLBACK,
    FIXED_SAVEPOINT,
    FIXED_RELEASE,
    FIXED_ROLLBACK_TO,
    FIXED_COUNT
};

/* One prepared statement. The key is the plugin's name, a NUL, and the text. */
struct prepared {
    struct prepared *chain; /* next of the same bucket */
    struct list age;        /* in sqlite->ages, youngest first */
    uint64_t hash;
    char *key;
    size_t key_len;
    const char *plugin; /* points into key; NULL for the host */
    sqlite3_stmt *stmt;
    enum guard_use use;
    int params;
    int size_bytes;            /* as compiled */
    int value_max_bytes;       /* of what it works on, see sqlite_statement.c */
    bool readonly, ddl, alter; /* ddl: begins with CREATE, ALTER or DROP */
    bool busy, cached;
};

#define PLUGIN_VALUE_BYTES (STORE_VALUE_MIB * 1024 * 1024)
#define MAX_SQL_BYTES (1024 * 1024) /* of the host's own; the linter allows a plugin less */
#define SQLITE_CACHED 256
#define SQLITE_BUCKETS 512 /* a power of two */
#define SQLITE_MAX_WITH 16

/* What the authorizer must know of the statement being prepared, and what it found. */
struct sqlite_guard {
    const char *plugin; /* NULL: everything is allowed */
    enum guard_use use;
    bool ddl, alter;
    char denied[320]; /* what was refused, for the error text */
    const char *rule;
    char with[SQLITE_MAX_WITH][64]; /* names read without a column: names of a WITH, or foreign tables being counted */
    int with_count;
};

struct sqlite {
    struct store base;
    sqlite3 *db;
    char *path;
    int lock_fd;
    int made; /* savepoints that stand in the database; at most base.level */
    int wal_pages, checkpoint_pages;
    _Atomic int running;    /* see sqlite_enter */
    _Atomic int interrupts; /* that came since sqlite_enter */
    struct sqlite_guard guard;
    int value_max_bytes; /* of the plugin's statement that runs */
    sqlite3_stmt *fixed[FIXED_COUNT];
    struct prepared *buckets[SQLITE_BUCKETS];
    struct list ages;
    int cached;
    struct list idle_cursors;
    struct changes *changes; /* being recorded, see store/changes.h; or NULL */
};

/* Around what runs a statement. An interrupt may arrive only between these two: a late one must not hit the next
 * command, nor a COMMIT. So do the bounds on what a plugin's statement may use. */
void sqlite_enter(struct sqlite *q);
void sqlite_leave(struct sqlite *q);
void sqlite_interrupt(struct store *s);

/* Fill `err` from the connection's last error `rc`, with Muster's code and rule. Returns the code. */
int sqlite_error(struct sqlite *q, int rc, struct slice sql, struct err *err);
/* Make the savepoints that the front has counted and the database has not. */
int sqlite_mark(struct sqlite *q, struct err *err);

/* Put the functions of sqlite_functions.c in the place of SQLite's; after PRAGMA case_sensitive_like, which makes its
 * LIKE anew. SQLite's result code. */
int sqlite_functions_install(struct sqlite *q);
/* Install the authorizer (once: installing it expires every prepared statement). */
void sqlite_guard_install(struct sqlite *q);
/* After a successful prepare: were the tables read without a column really names of a WITH? */
int sqlite_guard_settle(struct sqlite *q, struct err *err);

int sqlite_copy(struct store *s, const char *to, struct err *err);
/* sqlite_check.c: see store_check. */
int sqlite_check(struct store *s, struct buf *problems, struct err *err);
int sqlite_exec(struct store *s, const struct statement *st, int64_t *changes, struct err *err);
int sqlite_query(struct store *s, const struct statement *st, struct cursor **out, struct err *err);
int sqlite_step(struct cursor *c, struct err *err);
int sqlite_columns(const struct cursor *c);
const char *sqlite_column(const struct cursor *c, int column);
void sqlite_value(struct cursor *c, int column, struct value *out);
void sqlite_finish(struct cursor *c);
void sqlite_free_cursor(struct cursor *c);

/* The prepared form of `st`, from the cache where it is; marked busy. Give it back with sqlite_done. */
int sqlite_prepare(struct sqlite *q, const struct statement *st, struct prepared **out, struct err *err);
void sqlite_done(struct sqlite *q, struct prepared *p);
/* Bind all arguments; `copy` when the statement runs on after this call. */
int sqlite_bind(struct sqlite *q, struct prepared *p, const struct statement *st, bool copy, struct err *err);
/* Tell the authorizer which statement runs next: it may be prepared anew at any first step. NULL: one of the host's. */
void sqlite_watch(struct sqlite *q, const struct prepared *p);
void sqlite_forget_all(struct sqlite *q); /* statements and idle cursors */
/* The savepoint of `level` ended: its recorded rows are gone, or belong to the level around it. */
void sqlite_changes_unmark(struct changes *c, int level, bool keep);

#endif
