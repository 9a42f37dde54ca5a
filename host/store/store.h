/* The storage interface: what lanes may ask of a database, whichever driver answers.
 *
 * A store is one connection, owned by one thread (only store_interrupt may be called from another). The writer lane
 * works in batches:
 *
 *   batch_begin ─► (command_begin ─► exec/query … ─► command_end | command_abort)* ─► batch_commit
 *                                                                                        │
 *       OK       kept: replies may leave  ◄────────────────────────────────────────────────┤
 *       RETRY    nothing happened: run it again  ◄─────────────────────────────────────────┤
 *       UNKNOWN  ask store_command_find for each request  ◄────────────────────────────────┤
 *       FENCED   this lane lost its right: stop  ◄─────────────────────────────────────────┤
 *       LOST     a statement rolled it all back: run it again one command at a time  ◄─────┘
 *
 * Readers: read_begin ─► query … ─► read_end; one snapshot in between.
 */
#ifndef MUSTER_STORE_STORE_H
#define MUSTER_STORE_STORE_H

#include "base/err.h"
#include "base/value.h"

struct store;
struct cursor;

enum store_role { STORE_WRITER, STORE_READER };

/* Outcomes of batch_begin, batch_commit and command_begin; all >= 0. Negative codes are errors of the request. */
enum store_outcome {
    STORE_OK = 0,
    STORE_NEW,      /* command_begin: not seen before; go on */
    STORE_DONE,     /* command_begin: the same request was done; its reply is given */
    STORE_CONFLICT, /* command_begin: the key was used for another request */
    STORE_RETRY,
    STORE_UNKNOWN,
    STORE_FENCED,
    STORE_LOST, /* the transaction is gone (a statement rolled the whole batch back) */
};

struct store_options {
    const char *path;     /* of the database file */
    int cache_kib;        /* page cache; 0: driver's default */
    int checkpoint_pages; /* WAL pages before a checkpoint; 0: default (4000) */
    int page_bytes;       /* of a file that is created now; 0: default (4096) */
    const char *faults;   /* NULL, or faults to inject, see store/faulty.h: tests only */
    bool unsafe_sql;      /* the linter lets everything pass (the authorizer does not): tests only */
    bool scratch;         /* a copy to try things on: nothing waits for the disk, and a power cut may ruin it */
    int key_generation;   /* idempotency keys remembered before they are indexed, see store/keys.c; 0: 16384 */
};

/* Open one connection. The writer creates the file (mode 0600) and takes the data folder's lock: a second writer
 * process is refused with ERR_BUSY. Readers open read-only. 0 or ERR_IO naming the file. */
int store_open(const struct store_options *options, enum store_role role, struct store **out, struct err *err);
void store_close(struct store *s); /* NULL is fine; an open batch is rolled back */

/* -- the writer's batch -- */
int store_batch_begin(struct store *s, struct err *err);
/* Is the batch's transaction still there? False after INSERT OR ROLLBACK and the like. */
bool store_batch_alive(const struct store *s);
/* STORE_OK, RETRY, UNKNOWN, FENCED, LOST or an error (rolled back). The batch is over in any case. */
int store_batch_commit(struct store *s, struct err *err);
void store_batch_abort(struct store *s);
/* Outside a batch, for instance when the lane has nothing to do: move the log's pages into the database file if at
 * least `min_pages` stand in it. (A commit does so by itself at options.checkpoint_pages, and then its batch waits
 * for it.) Returns the pages that were in the log, 0 when they were too few, or ERR_IO. */
int store_checkpoint(struct store *s, int min_pages, struct err *err);

/* The idempotency key of a write, scoped to its user. key.len == 0: the request has none, and nothing is looked up
 * or kept. */
struct store_request {
    int64_t user_id;
    struct slice key;       /* <= 200 bytes */
    unsigned char hash[32]; /* SHA-256 of command and arguments */
    int64_t at_ms;          /* when it was received */
};
/* Open the command's savepoint and look the request up: STORE_NEW, STORE_DONE with the stored canonical reply
 * appended to `reply`, or STORE_CONFLICT. After DONE and CONFLICT no savepoint is open. */
int store_command_begin(struct store *s, const struct store_request *request, struct buf *reply, struct err *err);
/* Release the savepoint and keep `reply` under the request's key. 0, STORE_LOST (also when the reply could not be kept: `err` says why),
 * or an error (then abort). */
int store_command_end(struct store *s, const struct store_request *request, struct slice reply, struct err *err);
/* Roll back to the savepoint, nested ones too. 0 or STORE_LOST. Open cursors are closed by both, and their pointers
 * are dead then. */
int store_command_abort(struct store *s);
/* Outside a batch, after UNKNOWN: STORE_DONE with the reply, STORE_CONFLICT or STORE_NEW (it never happened). */
int store_command_find(struct store *s, const struct store_request *request, struct buf *reply, struct err *err);
/* A nested savepoint around a call of another plugin's write command; nesting <= 16. `keep` false rolls it back. */
int store_nested_begin(struct store *s, struct err *err);
/* 0 or STORE_LOST; ERR_STATE: to be kept but doomed, so it was rolled back. */
int store_nested_end(struct store *s, bool keep, struct err *err);
/* Delete kept replies of requests received before `before_ms`, looking at the `limit` oldest. In a batch, outside a
 * command. Returns how many went, or an error. */
int store_done_expire(struct store *s, int64_t before_ms, int limit, struct err *err);

/* -- the readers' snapshot -- */
int store_read_begin(struct store *s, struct err *err);
/* Does the snapshot stand? False after a statement that ended it: what follows is refused until the next read. */
bool store_read_alive(const struct store *s);
void store_read_end(struct store *s);

/* -- statements; a plugin's only inside a batch's command or a read -- */
#define STORE_VALUE_MIB 1      /* a value or a row of a plugin */
#define STORE_ARGUMENTS_MIB 16 /* all arguments of one of its statements */
/* Are a plugin's arguments that short? Nothing has looked into them yet. 0 or ERR_LIMIT "sql.size". */
int store_check_sizes(const struct value *args, int nargs, struct err *err);
/* `plugin` NULL: the host's own SQL, trusted; outside of a batch or read it is a transaction by itself. Otherwise
 * the guard holds (see store/guard.h): the linter at the first use of each text, the authorizer when it is prepared,
 * and no statement at all while no transaction is open (ERR_POLICY). Arguments bind to `?` in order; too few or too
 * many are ERR_ARG. SQL errors: ERR_CONFLICT for a broken constraint (rule "sql.constraint"), ERR_TIMEOUT when
 * interrupted, ERR_LIMIT for rows or bytes beyond the limits, ERR_ARG for bad SQL ("sql.type" for a value of the
 * wrong type, "sql.overflow"). Any error dooms the command (or nested call) it happened in: what follows there is
 * ERR_STATE "sql.doomed" until it is rolled back. A writing statement with RETURNING has run to its end when
 * store_query returns; its rows are kept for the cursor. */
int store_exec(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
               int64_t *changes, struct err *err);
int store_query(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
                struct cursor **out, struct err *err);
/* Next row: 1, 0 at the end, or an error. Values are valid until the next step. */
int cursor_step(struct cursor *c, struct err *err);
int cursor_columns(const struct cursor *c);
const char *cursor_name(const struct cursor *c, int column);
void cursor_value(struct cursor *c, int column, struct value *out); /* NULL, INT, DOUBLE, TEXT or BLOB */
void cursor_close(struct cursor *c);                                /* NULL is fine */
/* First column of the first row into `out` (VALUE_NULL when no row); text is copied to `keep`, replacing its
 * content. 1 row found, 0 none, or an error. */
int store_value(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
                struct value *out, struct buf *keep, struct err *err);
/* Run host SQL given as a C string with integer/text values; a shorthand of store_exec for the host. */
int store_run(struct store *s, const char *sql, const struct value *args, int nargs, struct err *err);

/* Copy the whole database, as it is at one moment, into the new file `to` (mode 0600; refused if it exists), while
 * others read and write. `s` is a reader outside of any read; other connections' commits may restart the copy, so after
 * a few restarts it is taken within one read. It is not synced: a copy to work on, not a backup. 0 or ERR_IO. Source: the
 * online backup interface, sqlite.org/c3ref/backup_finish.html. */
int store_copy(struct store *s, const char *to, struct err *err);

/* Read the whole database and look for what is damaged: a line for each of the first few problems is appended. `s` is a
 * reader. Returns how many were found, or an error. It takes a moment for each GB. */
int store_check(struct store *s, struct buf *problems, struct err *err);
/* Does a writer hold the data folder's lock? `path` as in store_options. 1, 0, or ERR_IO. */
int store_served(const char *path);

/* Limits of one query from here on: rows, bytes of all values, and a deadline on clock_mono_ns (0: none). */
void store_limits(struct store *s, int64_t max_rows, int64_t max_bytes, uint64_t deadline_ns);
/* Make the running statement fail with ERR_TIMEOUT. Any thread, while the store is open; harmless when nothing runs. */
void store_interrupt(struct store *s);
/* The role the store was opened with. */
enum store_role store_role(const struct store *s);
/* Counters since opening: pages written, commits, statements. For INFO and the benchmark. Any thread. */
struct store_stats {
    int64_t commits, statements, prepared, pages_written;
};
void store_stats(struct store *s, struct store_stats *out);
/* The version of the database library the program runs with, e.g. "3.40.1". Any thread. */
const char *store_library_version(void);

#endif
