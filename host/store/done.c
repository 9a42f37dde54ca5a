/* Idempotent requests: the reply of a write is kept with the write, in the same transaction. */
#include <stdlib.h>
#include <string.h>

#include "store/driver.h"

/* muster_done holds one row per (user, key). A client that lost its connection, or a lane whose commit answered
 * UNKNOWN, asks again with the same key: either the row is there, and with it the reply that the client never saw,
 * or the write never happened. */

static int check_key(const struct store_request *request, struct err *err)
{
    if (request->key.len > STORE_MAX_KEY) {
        return err_rule(err, ERR_ARG, "idem.length", "idem", "an idempotency key has at most %d bytes", STORE_MAX_KEY);
    }
    return 0;
}

/* The limits are a command's; these statements stand outside of it, and an earlier command's deadline is nothing to
 * them. */
struct limits {
    int64_t rows, bytes;
    uint64_t deadline_ns;
};

static struct limits lift_limits(struct store *s)
{
    const struct limits before = {s->max_rows, s->max_bytes, s->deadline_ns};
    store_limits(s, 0, 0, 0);
    return before;
}

/* One lookup: the request, where its reply goes, and the row looked at. */
struct lookup {
    struct store *store;
    const struct store_request *request;
    struct buf *reply;
};

/* Is it this row? 0: no, or it is gone; else the outcome, or an error. */
static int look(void *arg, int64_t id, struct err *err)
{
    static const struct slice sql = SLICE("SELECT user_id, idem, hash, reply FROM muster_done WHERE id = ?");
    const struct lookup *l = arg;
    const struct store_request *r = l->request;
    const struct value row = value_int(id);
    struct value user, idem, hash, stored;
    struct cursor *c = NULL;
    int rv = store_query(l->store, NULL, sql, &row, 1, &c, err);
    rv = rv < 0 ? rv : cursor_step(c, err);
    if (rv != 1) {
        goto end;
    }
    cursor_value(c, 0, &user);
    cursor_value(c, 1, &idem);
    cursor_value(c, 2, &hash);
    cursor_value(c, 3, &stored);
    if (user.i != r->user_id || !slice_eq(idem.s, r->key)) {
        rv = 0;
    } else if (hash.s.len != sizeof(r->hash) || memcmp(hash.s.data, r->hash, sizeof(r->hash)) != 0) {
        rv = STORE_CONFLICT;
    } else {
        rv = l->reply ? buf_slice(l->reply, stored.s) : 0;
        rv = rv < 0 ? err_set(err, rv, "the stored reply of %zu bytes is over the limit here", stored.s.len)
                    : STORE_DONE;
    }
end:
    cursor_close(c);
    return rv;
}

static int find(struct store *s, const struct store_request *request, struct buf *reply, struct err *err)
{
    struct lookup l = {s, request, reply};
    int rv = check_key(request, err);
    if (rv == 0) {
        const struct limits before = lift_limits(s);
        rv = keys_search(s, keys_number(request->user_id, request->key), look, &l, err);
        store_limits(s, before.rows, before.bytes, before.deadline_ns);
    }
    return rv == 0 ? STORE_NEW : rv;
}

int store_command_begin(struct store *s, const struct store_request *request, struct buf *reply, struct err *err)
{
    if (s->level > 0) {
        return err_set(err, ERR_STATE, "a command is already open; a call of another plugin is a nested one");
    }
    int rv = STORE_NEW;
    if (request->key.len > 0) {
        rv = store_batch_alive(s) ? find(s, request, reply, err) : STORE_NEW;
    }
    if (rv != STORE_NEW) {
        return rv;
    }
    rv = store_level_begin(s, err);
    return rv < 0 ? rv : STORE_NEW;
}

static int keep_reply(struct store *s, const struct store_request *request, struct slice reply, struct err *err)
{
    static const struct slice sql =
        SLICE("INSERT INTO muster_done(id, user_id, idem, hash, reply, at) VALUES(?, ?, ?, ?, ?, ?)");
    const int64_t id = keys_next_id(s);
    const struct value args[] = {
        value_int(id),
        value_int(request->user_id),
        value_text(request->key),
        {.type = VALUE_BLOB, .s = {(const char *)request->hash, sizeof(request->hash)}},
        {.type = VALUE_BLOB, .s = reply},
        value_int(request->at_ms),
    };
    const struct statement st = {NULL, GUARD_COMMAND, sql, args, 6, true};
    int rv = s->driver->exec(s, &st, NULL, err);
    if (rv == 0) {
        keys_add(s, id);
    }
    return rv;
}

int store_command_end(struct store *s, const struct store_request *request, struct slice reply, struct err *err)
{
    if (s->level != 1) {
        return err_set(err, ERR_STATE, "end: %s", s->level ? "a nested call is still open" : "no command is open");
    }
    if (!store_batch_alive(s)) {
        return store_level_end(s, false, err);
    }
    if (s->doom) {
        return err_rule(err, ERR_STATE, "sql.doomed", NULL,
                        "an SQL error has doomed this command; it can only be rolled back");
    }
    /* The savepoint goes first: a page changed under one is copied for its sake. Without its reply the command must not stand, so
     * if that cannot be kept the batch goes with it. */
    int rv = store_level_end(s, true, err);
    if (rv == 0 && request->key.len > 0 && keep_reply(s, request, reply, err) < 0) {
        s->driver->rollback(s);
        rv = STORE_LOST;
    }
    return rv;
}

int store_command_find(struct store *s, const struct store_request *request, struct buf *reply, struct err *err)
{
    if (s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a request is looked up outside of a batch or read");
    }
    return request->key.len > 0 ? find(s, request, reply, err) : STORE_NEW;
}

struct expired {
    int64_t id, number;
};

/* The oldest rows received before `before_ms`: at most `limit`, how many, or an error. Ids are given in the order of receipt. */
static int find_expired(struct store *s, int64_t before_ms, int limit, struct expired *out, struct err *err)
{
    static const struct slice sql = SLICE("SELECT id, user_id, idem, at FROM muster_done ORDER BY id LIMIT ?");
    const struct value arg = value_int(limit);
    struct cursor *c = NULL;
    int n = 0;
    int rv = store_query(s, NULL, sql, &arg, 1, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value id, user, idem, at;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &user);
        cursor_value(c, 2, &idem);
        cursor_value(c, 3, &at);
        if (at.i < before_ms) {
            out[n++] = (struct expired){id.i, keys_number(user.i, idem.s)};
        }
        rv = 0;
    }
    cursor_close(c);
    return rv < 0 ? rv : n;
}

int store_done_expire(struct store *s, int64_t before_ms, int limit, struct err *err)
{
    struct expired *rows = mem_alloc((size_t)limit * sizeof(*rows));
    const struct limits before = lift_limits(s);
    int n = find_expired(s, before_ms, limit, rows, err);
    int rv = n < 0 ? n : 0;
    for (int i = 0; rv == 0 && i < n; i++) {
        const struct value arg = value_int(rows[i].id);
        rv = keys_remove(s, rows[i].number, rows[i].id, err);
        rv = rv < 0 ? rv : store_run(s, "DELETE FROM muster_done WHERE id = ?", &arg, 1, err);
    }
    store_limits(s, before.rows, before.bytes, before.deadline_ns);
    free(rows);
    return rv < 0 ? rv : n;
}
