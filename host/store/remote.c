#include "store/remote.h"

#include "base/utf8.h"
#include "store/driver.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The side that asks: a driver behind the ordinary front, so that whoever uses a store does not notice. Each statement
 * is one round trip; a query's first rows come with its answer, and only a long result needs more.
 *
 * The other end is our host, but its answers are checked all the same: one that makes no sense is ERR_IO. */

/* -- values -- */

void remote_put_value(struct reply *r, const struct value *v)
{
    if (v->type != VALUE_JSON) {
        reply_value(r, v);
        return;
    }
    reply_array_open(r);
    reply_text(r, v->s);
    reply_close(r);
}

int remote_take_value(struct reader *r, struct value *out)
{
    struct node node;
    *out = value_null();
    if (reader_next_canonical(r, &node) != 1)
        return ERR_PROTO;
    switch (node.type) {
    case NODE_NULL:
        return 0;
    case NODE_BOOL:
        *out = value_bool(node.i != 0);
        return 0;
    case NODE_INT:
        *out = value_int(node.i);
        return 0;
    case NODE_DOUBLE:
        *out = (struct value){.type = VALUE_DOUBLE, .d = node.d};
        return 0;
    case NODE_TEXT:
        *out = value_text(node.s);
        return 0;
    case NODE_BLOB:
        *out = (struct value){.type = VALUE_BLOB, .s = node.s};
        return 0;
    case NODE_ARRAY:
        if (node.count != 1 || reader_next_canonical(r, &node) != 1 || node.type != NODE_TEXT || !utf8_valid(node.s))
            return ERR_PROTO;
        *out = (struct value){.type = VALUE_JSON, .s = node.s};
        return 0;
    default:
        return ERR_PROTO;
    }
}

int remote_take_string(struct reader *r, struct slice *out)
{
    struct node node;
    if (reader_next_canonical(r, &node) != 1 || node.type != NODE_TEXT)
        return ERR_PROTO;
    *out = node.s;
    return 0;
}

int remote_take_text(struct reader *r, size_t max, struct slice *out)
{
    return remote_take_string(r, out) == 0 && out->len <= max && utf8_valid(*out) ? 0 : ERR_PROTO;
}

int remote_take_cstr(struct reader *r, const char **out)
{
    struct value v;
    *out = NULL;
    if (remote_take_value(r, &v) != 0 || (v.type != VALUE_NULL && (v.type != VALUE_TEXT || !utf8_valid(v.s))))
        return ERR_PROTO;
    if (v.type == VALUE_TEXT) {
        /* The byte there is the '\r' of its end. */
        *(char *)(uintptr_t)(v.s.data + v.s.len) = '\0';
        *out = v.s.data;
    }
    return 0;
}

int remote_take_int(struct reader *r, int64_t *out)
{
    struct node node;
    if (reader_next_canonical(r, &node) != 1 || node.type != NODE_INT)
        return ERR_PROTO;
    *out = node.i;
    return 0;
}

int remote_take_array(struct reader *r, int64_t *count)
{
    struct node node;
    if (reader_next_canonical(r, &node) != 1 || node.type != NODE_ARRAY)
        return ERR_PROTO;
    *count = node.count;
    return 0;
}

/* -- asking -- */

struct remote_cursor {
    struct cursor cursor; /* first */
    struct remote_cursor *next;
    bool spent; /* of the command that runs, or of an outer one: not used again before they end */
    int64_t id; /* where more rows are; -1: nowhere */
    int columns;
    struct slice *names;
    struct value *row;
    struct buf head, chunk; /* the first answer, which holds the names; the last one, which holds the rows */
    struct reader rows;
    int64_t left; /* values not yet read of the chunk */
};

struct remote_store {
    struct store store; /* first */
    const struct remote_line *line;
    struct remote_cursor *all;
    struct buf message, answer;
};

static struct remote_store *of(struct store *s)
{
    return (struct remote_store *)(void *)s;
}

static int nonsense(struct err *err)
{
    return err_set(err, ERR_IO, "the other side's answer makes no sense");
}

/* Send what stands in `message`; 0 with the reader behind the answer's header, or its error. */
static int ask(struct remote_store *rs, struct buf *answer, struct reader *r, int64_t *count, struct err *err)
{
    struct err refused = {0};
    buf_clear(answer);
    int rv = rs->line->ask(rs->line->arg, buf_view(&rs->message), answer, err);
    if (rv != 0)
        return rv;
    if (reader_error(buf_view(answer), &refused)) {
        if (err)
            *err = refused;
        return refused.code;
    }
    r->rest = buf_view(answer);
    return remote_take_array(r, count) == 0 ? 0 : nonsense(err);
}

static void begin_message(struct remote_store *rs, struct reply *r, const char *word)
{
    buf_clear(&rs->message);
    reply_begin(r, &rs->message, 0);
    reply_array_open(r);
    reply_cstr(r, word);
}

static int put_statement(struct remote_store *rs, const char *word, const struct statement *st, struct err *err)
{
    struct reply r;
    begin_message(rs, &r, word);
    reply_text(&r, st->sql);
    for (int i = 0; i < st->nargs; i++)
        remote_put_value(&r, &st->args[i]);
    reply_close(&r);
    return reply_finish(&r) == 0
               ? 0
               : err_rule(err, ERR_LIMIT, "sql.size", NULL, "a statement and its parameters have at most %d MiB",
                          REMOTE_MESSAGE_MAX / (1024 * 1024));
}

static int put_id(struct remote_store *rs, const char *word, int64_t id)
{
    struct reply r;
    begin_message(rs, &r, word);
    reply_int(&r, id);
    reply_close(&r);
    return reply_finish(&r);
}

static int exec_remote(struct store *s, const struct statement *st, int64_t *changes, struct err *err)
{
    struct remote_store *rs = of(s);
    struct reader r;
    int64_t count;
    int rv = put_statement(rs, "exec", st, err);
    if (rv == 0)
        rv = ask(rs, &rs->answer, &r, &count, err);
    if (rv == 0 && (count != 1 || remote_take_int(&r, changes) != 0))
        rv = nonsense(err);
    return rv;
}

/* -- queries -- */

static struct remote_cursor *new_cursor(struct remote_store *rs)
{
    struct remote_cursor *c = rs->all;
    while (c && (c->cursor.open || c->spent))
        c = c->next;
    if (!c) {
        c = mem_zalloc(sizeof(*c));
        c->next = rs->all;
        rs->all = c;
        list_init(&c->cursor.link);
    }
    c->spent = true;
    c->cursor.rows = c->cursor.bytes = 0;
    return c;
}

/* `more | last` and the id. */
static int take_id(struct remote_cursor *c, struct reader *r)
{
    struct slice word;
    if (remote_take_text(r, 4, &word) != 0 || remote_take_int(r, &c->id) != 0 || c->id < 0)
        return ERR_PROTO;
    if (slice_is(word, "last"))
        c->id = -1;
    return 0;
}

static int take_rows(struct remote_cursor *c, struct reader *r)
{
    if (remote_take_array(r, &c->left) != 0 || (c->left > 0 && (c->columns == 0 || c->left % c->columns != 0)))
        return ERR_PROTO;
    c->rows = *r;
    return 0;
}

static int take_names(struct remote_cursor *c, struct reader *r)
{
    int64_t count;
    if (remote_take_array(r, &count) != 0 || count > 10000)
        return ERR_PROTO;
    c->columns = (int)count;
    c->names = mem_realloc(c->names, (size_t)(count + 1) * sizeof(*c->names));
    c->row = mem_realloc(c->row, (size_t)(count + 1) * sizeof(*c->row));
    for (int i = 0; i < c->columns; i++) {
        struct node node;
        if (reader_next_canonical(r, &node) != 1 || node.type != NODE_TEXT)
            return ERR_PROTO;
        /* The byte behind a text is the '\r' of its end: there the NUL goes. */
        c->head.data[node.s.data + node.s.len - c->head.data] = '\0';
        c->names[i] = node.s;
        c->row[i] = value_null();
    }
    return 0;
}

static int query_remote(struct store *s, const struct statement *st, struct cursor **out, struct err *err)
{
    struct remote_store *rs = of(s);
    struct remote_cursor *c = new_cursor(rs);
    struct reader r;
    int64_t count;
    int rv = put_statement(rs, "query", st, err);
    if (rv == 0)
        rv = ask(rs, &c->head, &r, &count, err);
    if (rv != 0)
        return rv;
    if (count != 4 || take_id(c, &r) != 0 || take_names(c, &r) != 0 || take_rows(c, &r) != 0)
        return nonsense(err);
    *out = &c->cursor;
    return 0;
}

static int fetch(struct remote_cursor *c, struct err *err)
{
    struct remote_store *rs = of(c->cursor.store);
    struct reader r;
    int64_t count;
    int rv = put_id(rs, "more", c->id);
    if (rv == 0)
        rv = ask(rs, &c->chunk, &r, &count, err);
    if (rv != 0) {
        c->id = -1; /* over there it has ended with its error */
        return rv;
    }
    return count == 3 && take_id(c, &r) == 0 && take_rows(c, &r) == 0 ? 0 : nonsense(err);
}

static int step_remote(struct cursor *cursor, struct err *err)
{
    struct remote_cursor *c = (struct remote_cursor *)(void *)cursor;
    while (c->left == 0) {
        if (c->id < 0)
            return 0;
        int rv = fetch(c, err);
        if (rv != 0)
            return rv;
    }
    for (int i = 0; i < c->columns; i++) {
        if (remote_take_value(&c->rows, &c->row[i]) != 0)
            return nonsense(err);
    }
    c->left -= c->columns;
    return 1;
}

static int columns_remote(const struct cursor *cursor)
{
    return ((const struct remote_cursor *)(const void *)cursor)->columns;
}

static const char *column_remote(const struct cursor *cursor, int column)
{
    const struct remote_cursor *c = (const void *)cursor;
    return column >= 0 && column < c->columns ? c->names[column].data : "";
}

static void value_remote(struct cursor *cursor, int column, struct value *out)
{
    *out = ((struct remote_cursor *)(void *)cursor)->row[column];
}

static void finish_remote(struct cursor *cursor)
{
    struct remote_cursor *c = (struct remote_cursor *)(void *)cursor;
    struct remote_store *rs = of(cursor->store);
    int64_t id = c->id, count;
    struct reader r;
    c->id = -1;
    c->left = 0;
    if (id >= 0 && put_id(rs, "close", id) == 0)
        (void)ask(rs, &rs->answer, &r, &count, NULL); /* a line that is gone has closed it, too */
    buf_clear(&c->head);
    buf_clear(&c->chunk);
}

/* -- life -- */

static void close_remote(struct store *s)
{
    struct remote_store *rs = of(s);
    while (rs->all) {
        struct remote_cursor *c = rs->all;
        rs->all = c->next;
        buf_close(&c->head);
        buf_close(&c->chunk);
        free(c->names);
        free(c->row);
        free(c);
    }
    buf_close(&rs->message);
    buf_close(&rs->answer);
    free(rs);
}

static bool alive_remote(const struct store *s)
{
    (void)s;
    return true; /* whether it still is, the other side knows */
}

static void nothing(struct store *s)
{
    (void)s;
}

static const struct store_driver remote_driver = {
    .name = "remote",
    .close = close_remote,
    .alive = alive_remote,
    .rollback = nothing,
    .exec = exec_remote,
    .query = query_remote,
    .step = step_remote,
    .columns = columns_remote,
    .column = column_remote,
    .value = value_remote,
    .finish = finish_remote,
    .interrupt = nothing, /* the other side interrupts the real one at the same deadline */
};

struct store *store_remote_new(const struct remote_line *line)
{
    struct remote_store *rs = mem_zalloc(sizeof(*rs));
    rs->store.driver = &remote_driver;
    rs->store.role = STORE_READER;
    rs->store.reading = true; /* the transaction is the other side's */
    rs->line = line;
    rs->message.max = REMOTE_MESSAGE_MAX;
    list_init(&rs->store.cursors);
    return &rs->store;
}

void store_remote_enter(struct store *s)
{
    s->level++;
}

void store_remote_leave(struct store *s)
{
    struct remote_store *rs = of(s);
    for (struct remote_cursor *c = rs->all; c; c = c->next) {
        if (c->cursor.open && c->cursor.level >= s->level) {
            c->id = -1; /* no need to ask for it */
            cursor_close(&c->cursor);
        }
    }
    if (s->doom >= s->level)
        s->doom = 0;
    s->level--;
    for (struct remote_cursor *c = rs->all; c && s->level == 0; c = c->next)
        c->spent = false;
}
