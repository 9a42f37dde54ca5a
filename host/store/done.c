/* Idempotent requests: the reply of a write is kept with the write, in the same transaction. */
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

static int find(struct store *s, const struct store_request *request, struct buf *reply, struct err *err)
{
    static const struct slice sql = SLICE("SELECT hash, reply FROM muster_done WHERE user_id = ? AND idem = ?");
    const struct value args[] = {value_int(request->user_id), value_text(request->key)};
    struct cursor *c = NULL;
    struct value hash, stored;
    const struct limits before = lift_limits(s);
    int rv = check_key(request, err);
    if (rv == 0) {
        rv = store_query(s, NULL, sql, args, 2, &c, err);
    }
    if (rv == 0) {
        rv = cursor_step(c, err);
    }
    if (rv < 0) {
        goto end;
    }
    if (rv == 0) {
        rv = STORE_NEW;
        goto end;
    }
    cursor_value(c, 0, &hash);
    cursor_value(c, 1, &stored);
    if (hash.s.len != sizeof(request->hash) || memcmp(hash.s.data, request->hash, sizeof(request->hash)) != 0) {
        rv = STORE_CONFLICT;
        goto end;
    }
    rv = reply ? buf_slice(reply, stored.s) : 0;
    rv = rv < 0 ? err_set(err, rv, "the stored reply of %zu bytes is over the limit here", stored.s.len) : STORE_DONE;
end:
    cursor_close(c);
    store_limits(s, before.rows, before.bytes, before.deadline_ns);
    return rv;
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
        SLICE("INSERT INTO muster_done(user_id, idem, hash, reply, at) VALUES(?, ?, ?, ?, ?)");
    const struct value args[] = {
        value_int(request->user_id),
        value_text(request->key),
        {.type = VALUE_BLOB, .s = {(const char *)request->hash, sizeof(request->hash)}},
        {.type = VALUE_BLOB, .s = reply},
        value_int(request->at_ms),
    };
    const struct statement st = {NULL, GUARD_COMMAND, sql, args, 5, true};
    return s->driver->exec(s, &st, NULL, err);
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
    if (request->key.len > 0) {
        int rv = keep_reply(s, request, reply, err);
        if (rv < 0) {
            s->doom = s->level;
            return store_batch_alive(s) ? rv : store_level_end(s, false, err);
        }
    }
    return store_level_end(s, true, err);
}

int store_command_find(struct store *s, const struct store_request *request, struct buf *reply, struct err *err)
{
    if (s->batch || s->reading) {
        return err_set(err, ERR_STATE, "a request is looked up outside of a batch or read");
    }
    return request->key.len > 0 ? find(s, request, reply, err) : STORE_NEW;
}

/* Ids are given in the order of receipt, so the oldest rows come first and `at` needs no index. */
int store_done_expire(struct store *s, int64_t before_ms, int limit, struct err *err)
{
    static const struct slice sql =
        SLICE("DELETE FROM muster_done WHERE at < ? AND id IN (SELECT id FROM muster_done ORDER BY id LIMIT ?)");
    const struct value args[] = {value_int(before_ms), value_int(limit)};
    int64_t changes = 0;
    const struct limits before = lift_limits(s);
    int rv = store_exec(s, NULL, sql, args, 2, &changes, err);
    store_limits(s, before.rows, before.bytes, before.deadline_ns);
    return rv < 0 ? rv : (int)changes;
}
