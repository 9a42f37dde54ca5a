/* The front of the store: who may do what when, whichever driver answers. */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/driver.h"

/* A connection is in one of these states, and every call below checks its own:
 *
 *   idle ── batch_begin ──► batch ── command_begin ──► command (level 1) ── nested_begin ──► nested (level 2..17)
 *    ▲ ▲                     │  ▲                        │  ▲                                   │
 *    │ └─ commit, abort ─────┘  └── command_end, abort ──┘  └──────────── nested_end ───────────┘
 *    └──── read_begin / read_end ──► reading
 *
 * Two things can go wrong inside. A failed statement *dooms* its level: nothing more runs there until it is rolled
 * back, because other engines abort the transaction and plugins must not learn to depend on SQLite's forgiveness.
 * And a statement can roll back the whole transaction, batch and all: then everything answers that the batch is
 * lost, and the lane replays it one command at a time. */

int store_open(const struct store_options *options, enum store_role role, struct store **out, struct err *err)
{
    struct faults *faults = NULL;
    *out = NULL;
    int rv = options->faults ? faults_parse(options->faults, &faults, err) : 0;
    if (rv == 0) {
        rv = sqlite_driver.open(options, role, out, err);
    }
    if (rv < 0) {
        faults_free(faults);
        return rv;
    }
    (*out)->faults = faults;
    (*out)->unsafe_sql = options->unsafe_sql;
    (*out)->keys = role == STORE_WRITER ? keys_new(options->key_generation) : NULL;
    return 0;
}

/* Close what was opened at `level` or deeper. */
static void close_cursors(struct store *s, int level)
{
    struct list *item = s->cursors.next;
    while (item != &s->cursors) {
        struct cursor *c = list_entry(item, struct cursor, link);
        item = item->next;
        if (c->level >= level) {
            cursor_close(c);
        }
    }
}

void store_close(struct store *s)
{
    if (!s) {
        return;
    }
    store_batch_abort(s);
    store_read_end(s);
    close_cursors(s, 0);
    faults_free(s->faults);
    keys_free(s->keys);
    s->driver->close(s);
}

enum store_role store_role(const struct store *s)
{
    return s->role;
}

/* -- the batch -- */

static const char *next_fault(struct store *s, const char *what)
{
    return s->faults ? faults_next(s->faults, what) : NULL;
}

int store_batch_begin(struct store *s, struct err *err)
{
    if (s->role != STORE_WRITER || s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a batch begins on the writer's connection, outside of a batch or read");
    }
    if (next_fault(s, "begin")) {
        return STORE_FENCED;
    }
    int rv = s->driver->begin(s, true, err);
    s->batch = rv == STORE_OK;
    return rv;
}

bool store_batch_alive(const struct store *s)
{
    return s->batch && s->driver->alive(s);
}

static void leave_batch(struct store *s)
{
    s->batch = false;
    s->level = 0;
    s->doom = 0;
}

void store_batch_abort(struct store *s)
{
    if (s->batch) {
        close_cursors(s, 0);
        s->driver->rollback(s);
        keys_forget(s);
        leave_batch(s);
    }
}

/* What an injected fault does to the commit, see store/faulty.h. */
static int commit_faulty(struct store *s, const char *fault, struct err *err)
{
    if (strcmp(fault, "commit-unknown") == 0) {
        int rv = s->driver->commit(s, err);
        return rv == STORE_OK ? STORE_UNKNOWN : rv;
    }
    s->driver->rollback(s);
    if (strcmp(fault, "commit-retry") == 0) {
        return STORE_RETRY;
    }
    if (strcmp(fault, "commit-lost") == 0) {
        return STORE_UNKNOWN;
    }
    if (strcmp(fault, "commit-fenced") == 0) {
        return STORE_FENCED;
    }
    return err_set(err, ERR_IO, "commit: injected input/output error");
}

int store_batch_commit(struct store *s, struct err *err)
{
    if (!s->batch || s->level > 0) {
        return err_set(err, ERR_STATE, "commit: %s", s->batch ? "a command is still open" : "no batch is open");
    }
    close_cursors(s, 0);
    if (!s->driver->alive(s)) {
        keys_forget(s);
        leave_batch(s);
        return STORE_LOST;
    }
    int rv = keys_settle(s, err);
    if (rv < 0) {
        store_batch_abort(s);
        return rv;
    }
    const char *fault = next_fault(s, "commit");
    rv = fault ? commit_faulty(s, fault, err) : s->driver->commit(s, err);
    leave_batch(s);
    if (rv == STORE_OK) {
        store_count(&s->commits, 1);
    } else {
        keys_forget(s);
    }
    return rv;
}

int store_checkpoint(struct store *s, int min_pages, struct err *err)
{
    if (s->role != STORE_WRITER || s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a checkpoint runs on the writer's connection, outside of a batch or read");
    }
    return s->driver->checkpoint(s, min_pages, err);
}

int store_copy(struct store *s, const char *to, struct err *err)
{
    if (s->role != STORE_READER || s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a copy is taken on a reader's connection, outside of a read");
    }
    return s->driver->copy ? s->driver->copy(s, to, err)
                           : err_set(err, ERR_STATE, "this connection has no file to copy");
}

int store_check(struct store *s, struct buf *problems, struct err *err)
{
    return s->driver->check ? s->driver->check(s, problems, err)
                            : err_set(err, ERR_STATE, "this connection cannot look its database over");
}

/* -- commands and nested calls -- */

int store_level_begin(struct store *s, struct err *err)
{
    if (!store_batch_alive(s)) {
        return err_rule(err, ERR_POLICY, "sql.lost", NULL,
                        "the batch's transaction is gone; nothing runs until it is replayed");
    }
    if (s->doom) {
        return err_rule(err, ERR_STATE, "sql.doomed", NULL, "an SQL error has doomed this command; it can only end");
    }
    if (s->level > STORE_MAX_NESTING) {
        return err_rule(err, ERR_LIMIT, "sql.nesting", NULL, "calls between plugins nest at most %d deep",
                        STORE_MAX_NESTING);
    }
    s->level++;
    return 0;
}

int store_level_end(struct store *s, bool keep, struct err *err)
{
    assert(s->level > 0);
    int level = s->level;
    bool doomed = s->doom >= level;
    close_cursors(s, level);
    s->level--;
    if (doomed) {
        s->doom = 0;
    }
    if (!store_batch_alive(s)) {
        return STORE_LOST;
    }
    int rv = s->driver->unmark(s, level, keep && !doomed, err);
    if (rv < 0) {
        /* A savepoint that cannot be ended would leave half a command in the batch: give the batch up. */
        s->driver->rollback(s);
    }
    if (!s->driver->alive(s)) {
        return STORE_LOST;
    }
    return keep && doomed ? err_rule(err, ERR_STATE, "sql.doomed", NULL,
                                     "an SQL error has doomed the nested call: its changes were rolled back")
                          : 0;
}

int store_command_abort(struct store *s)
{
    int rv = s->batch && !s->driver->alive(s) ? STORE_LOST : 0;
    while (s->level > 0) {
        int ended = store_level_end(s, false, NULL);
        rv = rv != 0 ? rv : ended;
    }
    return rv;
}

int store_nested_begin(struct store *s, struct err *err)
{
    if (s->level == 0) {
        return err_set(err, ERR_STATE, "a nested call needs a command around it");
    }
    return store_level_begin(s, err);
}

int store_nested_end(struct store *s, bool keep, struct err *err)
{
    if (s->level < 2) {
        return err_set(err, ERR_STATE, "no nested call is open");
    }
    return store_level_end(s, keep, err);
}

/* -- reads -- */

int store_read_begin(struct store *s, struct err *err)
{
    if (s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a read begins outside of a batch or read");
    }
    int rv = s->driver->begin(s, false, err);
    s->reading = rv == STORE_OK;
    return rv;
}

bool store_read_alive(const struct store *s)
{
    return s->reading && s->driver->alive(s);
}

void store_read_end(struct store *s)
{
    if (s->reading) {
        close_cursors(s, 0);
        s->driver->rollback(s);
        s->reading = false;
    }
}

/* -- statements -- */

int store_check_deadline(const struct store *s, struct err *err)
{
    if (s->deadline_ns && clock_coarse_ns() > s->deadline_ns) {
        return err_rule(err, ERR_TIMEOUT, "sql.deadline", NULL, "the deadline passed during a database statement");
    }
    return 0;
}

int store_count_row(struct store *s, struct cursor *c, int64_t bytes, struct err *err)
{
    c->rows++;
    c->bytes += bytes;
    if (s->max_rows && c->rows > s->max_rows) {
        return err_rule(err, ERR_LIMIT, "sql.rows", NULL, "the query gives more than %lld rows: narrow it or add LIMIT",
                        (long long)s->max_rows);
    }
    if (s->max_bytes && c->bytes > s->max_bytes) {
        return err_rule(err, ERR_LIMIT, "sql.bytes", NULL,
                        "the query gives more than %lld bytes: narrow it or add LIMIT", (long long)s->max_bytes);
    }
    return 0;
}

int store_check_sizes(const struct value *args, int nargs, struct err *err)
{
    const size_t mib = 1024 * 1024;
    size_t sum = 0;
    for (int i = 0; i < nargs; i++) {
        if (args[i].s.len > STORE_VALUE_MIB * mib) {
            return err_rule(err, ERR_LIMIT, "sql.size", NULL,
                            "argument %d has more than %d MiB: keep it in pieces, a row each", i + 1, STORE_VALUE_MIB);
        }
        sum += args[i].s.len;
    }
    return sum <= STORE_ARGUMENTS_MIB * mib
               ? 0
               : err_rule(err, ERR_LIMIT, "sql.size", NULL, "the arguments have more than %d MiB: use more statements",
                          STORE_ARGUMENTS_MIB);
}

static int may_run(struct store *s, const struct statement *st, struct err *err)
{
    const char *plugin = st->plugin;
    if (s->batch || s->reading) {
        if (!s->driver->alive(s)) {
            return err_rule(
                err, ERR_POLICY, "sql.lost", NULL,
                "an earlier statement rolled the whole transaction back; nothing runs until it is replayed");
        }
    } else if (plugin) {
        return err_rule(err, ERR_POLICY, "sql.autocommit", NULL, "a plugin's SQL runs inside a command only");
    }
    if (s->doom) {
        return err_rule(
            err, ERR_STATE, "sql.doomed", NULL,
            "an earlier SQL error has doomed this command: let it fail, or check with SELECT before writing");
    }
    if (plugin && s->batch && s->level == 0) {
        return err_rule(err, ERR_POLICY, "sql.autocommit", NULL, "a plugin's SQL runs inside a command only");
    }
    int rv = plugin ? store_check_sizes(st->args, st->nargs, err) : 0;
    return rv < 0 ? rv : store_check_deadline(s, err);
}

static int doom(struct store *s, int rv)
{
    if (rv < 0 && s->level > 0 && s->doom == 0) {
        s->doom = s->level;
    }
    return rv;
}

int store_exec(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
               int64_t *changes, struct err *err)
{
    const struct statement st = {plugin, GUARD_COMMAND, sql, args, nargs, false};
    int64_t changed = 0;
    int rv = may_run(s, &st, err);
    if (rv == 0 && next_fault(s, "exec")) {
        rv = err_set(err, ERR_IO, "disk full (injected)");
    }
    if (rv == 0) {
        rv = s->driver->exec(s, &st, &changed, err);
    }
    if (changes) {
        *changes = changed;
    }
    return doom(s, rv);
}

int store_run(struct store *s, const char *sql, const struct value *args, int nargs, struct err *err)
{
    return store_exec(s, NULL, slice_of(sql), args, nargs, NULL, err);
}

int store_query(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
                struct cursor **out, struct err *err)
{
    const struct statement st = {plugin, GUARD_COMMAND, sql, args, nargs, false};
    *out = NULL;
    int rv = may_run(s, &st, err);
    if (rv == 0 && s->open_cursors >= STORE_MAX_CURSORS) {
        rv = err_rule(err, ERR_LIMIT, "sql.cursors", NULL, "at most %d queries are open at a time: close one first",
                      STORE_MAX_CURSORS);
    }
    if (rv == 0) {
        rv = s->driver->query(s, &st, out, err);
    }
    if (rv == 0) {
        (*out)->store = s;
        (*out)->level = s->level;
        (*out)->open = true;
        list_push_back(&s->cursors, &(*out)->link);
        s->open_cursors++;
    }
    return doom(s, rv);
}

int cursor_step(struct cursor *c, struct err *err)
{
    if (!c->open) {
        return err_set(err, ERR_STATE, "the query is closed: it ended with its command");
    }
    int rv = store_check_deadline(c->store, err);
    if (rv == 0) {
        rv = c->store->driver->step(c, err);
    }
    return doom(c->store, rv);
}

int cursor_columns(const struct cursor *c)
{
    return c->open ? c->store->driver->columns(c) : 0;
}

const char *cursor_name(const struct cursor *c, int column)
{
    return c->open ? c->store->driver->column(c, column) : "";
}

void cursor_value(struct cursor *c, int column, struct value *out)
{
    *out = value_null();
    if (c->open && column >= 0 && column < c->store->driver->columns(c)) {
        c->store->driver->value(c, column, out);
    }
}

void cursor_close(struct cursor *c)
{
    if (c && c->open) {
        c->open = false;
        list_remove(&c->link);
        c->store->open_cursors--;
        c->store->driver->finish(c);
    }
}

int store_value(struct store *s, const char *plugin, struct slice sql, const struct value *args, int nargs,
                struct value *out, struct buf *keep, struct err *err)
{
    struct cursor *c = NULL;
    *out = value_null();
    int rv = store_query(s, plugin, sql, args, nargs, &c, err);
    if (rv == 0) {
        rv = cursor_step(c, err);
    }
    if (rv == 1) {
        cursor_value(c, 0, out);
        if (out->s.len > 0) {
            buf_clear(keep);
            rv = buf_slice(keep, out->s);
            out->s = buf_view(keep);
            rv = rv < 0 ? err_set(err, rv, "the value is larger than the %zu bytes it may have here", keep->max) : 1;
        }
    }
    cursor_close(c);
    return rv;
}

void store_limits(struct store *s, int64_t max_rows, int64_t max_bytes, uint64_t deadline_ns)
{
    s->max_rows = max_rows;
    s->max_bytes = max_bytes;
    s->deadline_ns = deadline_ns;
}

void store_interrupt(struct store *s)
{
    s->driver->interrupt(s);
}

void store_stats(struct store *s, struct store_stats *out)
{
    out->commits = atomic_load_explicit(&s->commits, memory_order_relaxed);
    out->statements = atomic_load_explicit(&s->statements, memory_order_relaxed);
    out->prepared = atomic_load_explicit(&s->prepared, memory_order_relaxed);
    out->pages_written = atomic_load_explicit(&s->pages_written, memory_order_relaxed);
}
