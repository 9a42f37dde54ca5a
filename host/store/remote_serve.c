#include "store/remote.h"

#include <string.h>

/* The side that answers: messages come from a process that runs somebody's code, so nothing in them is believed. What
 * they may do is what store_exec and store_query let that plugin do, no more.
 *
 * Rows are sent in chunks: a small one with the answer to the query, for most results are short or are looked at once,
 * and large ones after it. */

enum { FIRST_BYTES = 8 * 1024, CHUNK_BYTES = 64 * 1024 };

struct statement_message {
    struct slice sql;
    struct value args[REMOTE_PARAMS_MAX];
    int nargs;
};

static int take_statement(struct reader *r, int64_t count, struct statement_message *m, struct err *err)
{
    m->nargs = 0;
    if (count < 1 || remote_take_string(r, &m->sql) != 0)
        return ERR_PROTO;
    if (count > REMOTE_PARAMS_MAX + 1)
        return err_rule(err, ERR_LIMIT, "sql.size", NULL, "a statement has at most %d parameters", REMOTE_PARAMS_MAX);
    for (int64_t i = 1; i < count; i++) {
        if (remote_take_value(r, &m->args[m->nargs++]) != 0)
            return ERR_PROTO;
    }
    return r->rest.len == 0 ? 0 : ERR_PROTO;
}

static int serve_exec(struct store *s, const char *plugin, struct reader *r, int64_t count, struct reply *answer,
                      struct err *err)
{
    struct statement_message m;
    int64_t changes = 0;
    int rv = take_statement(r, count, &m, err);
    if (rv == 0)
        rv = store_exec(s, plugin, m.sql, m.args, m.nargs, &changes, err);
    if (rv != 0)
        return rv;
    reply_array_open(answer);
    reply_int(answer, changes);
    reply_close(answer);
    return 0;
}

static void put_row(struct cursor *c, int columns, struct reply *answer)
{
    for (int i = 0; i < columns; i++) {
        struct value v;
        cursor_value(c, i, &v);
        remote_put_value(answer, &v);
    }
}

/* Write up to about `bytes` of rows as one array. 1 when there may be more, 0 at the end, or an error. */
static int put_rows(struct cursor *c, size_t bytes, struct reply *answer, struct err *err)
{
    size_t from = answer->out->len;
    int columns = cursor_columns(c), rv = 1;
    reply_array_open(answer);
    while (answer->code == 0 && answer->out->len - from < bytes && (rv = cursor_step(c, err)) > 0)
        put_row(c, columns, answer);
    reply_close(answer);
    return rv;
}

static int free_place(const struct remote_cursors *cursors, struct err *err)
{
    for (int i = 0; i < 64; i++) {
        if (!cursors->open[i])
            return i;
    }
    return err_rule(err, ERR_LIMIT, "sql.cursors", NULL, "at most %d queries are open at a time: close one first", 64);
}

static void close_place(struct remote_cursors *cursors, int place)
{
    cursor_close(cursors->open[place]);
    cursors->open[place] = NULL;
}

void store_remote_close_all(struct remote_cursors *cursors)
{
    for (int i = 0; i < 64; i++)
        close_place(cursors, i);
}

/* Whether there are more rows is known only when these are written, so the word is put in afterwards. */
static int answer_rows(struct remote_cursors *cursors, int place, bool names, size_t bytes, struct reply *answer,
                       struct err *err)
{
    struct cursor *c = cursors->open[place];
    reply_array_open(answer);
    reply_cstr(answer, "more");
    size_t word_end = answer->out->len;
    reply_int(answer, place);
    if (names) {
        reply_array_open(answer);
        for (int i = 0; i < cursor_columns(c); i++)
            reply_cstr(answer, cursor_name(c, i));
        reply_close(answer);
    }
    int rv = put_rows(c, bytes, answer, err);
    reply_close(answer);
    if (rv == 0 && answer->code == 0)
        memcpy(answer->out->data + word_end - strlen("more\r\n"), "last", strlen("last"));
    if (rv <= 0)
        close_place(cursors, place);
    return rv < 0 ? rv : 0;
}

static int serve_query(struct store *s, const char *plugin, struct remote_cursors *cursors, struct reader *r,
                       int64_t count, struct reply *answer, struct err *err)
{
    struct statement_message m;
    int rv = take_statement(r, count, &m, err);
    if (rv != 0)
        return rv;
    int place = free_place(cursors, err);
    if (place < 0)
        return place;
    rv = store_query(s, plugin, m.sql, m.args, m.nargs, &cursors->open[place], err);
    return rv == 0 ? answer_rows(cursors, place, true, FIRST_BYTES, answer, err) : rv;
}

static int take_place(const struct remote_cursors *cursors, struct reader *r, int64_t count, int *place)
{
    int64_t id;
    if (count != 1 || remote_take_int(r, &id) != 0 || r->rest.len != 0 || id < 0 || id >= 64 || !cursors->open[id])
        return ERR_PROTO;
    *place = (int)id;
    return 0;
}

int store_remote_serve(struct store *s, const char *plugin, struct remote_cursors *cursors, struct slice word,
                       struct reader *r, int64_t count, struct reply *answer, struct err *err)
{
    int place;
    if (slice_is(word, "exec"))
        return serve_exec(s, plugin, r, count, answer, err);
    if (slice_is(word, "query"))
        return serve_query(s, plugin, cursors, r, count, answer, err);
    if (slice_is(word, "more"))
        return take_place(cursors, r, count, &place) == 0 ? answer_rows(cursors, place, false, CHUNK_BYTES, answer, err)
                                                          : ERR_PROTO;
    if (!slice_is(word, "close"))
        return 1;
    if (take_place(cursors, r, count, &place) != 0)
        return ERR_PROTO;
    close_place(cursors, place);
    reply_array_open(answer);
    reply_close(answer);
    return 0;
}
