/* Running statements: exec to the end, or a cursor row by row. */
#include <stdlib.h>

#include "store/sqlite.h"

/* A reading query steps as its cursor does. A writing one (INSERT … RETURNING) runs to its end at once and its rows
 * are kept here: SQLite can make no savepoint while a writing statement is under way, and the change must not depend
 * on how many rows somebody reads.
 *
 * Cursors are not freed but kept for the next query, until the store closes. */

struct sqlite_cursor {
    struct cursor base;
    struct sqlite *q;
    struct prepared *p;
    bool kept; /* the rows are in `cells` */
    int columns, count, cap;
    int at;              /* cell of the current row's first column, -1 before the first row */
    struct value *cells; /* of a text or blob, `i` is its offset in `bytes` */
    struct buf bytes;
};

#define KEPT_MAX_BYTES (64 * 1024 * 1024)

void sqlite_free_cursor(struct cursor *c)
{
    struct sqlite_cursor *self = (struct sqlite_cursor *)c;
    free(self->cells);
    buf_close(&self->bytes);
    free(self);
}

static struct sqlite_cursor *take_cursor(struct sqlite *q)
{
    if (!list_empty(&q->idle_cursors)) {
        struct cursor *c = list_entry(q->idle_cursors.next, struct cursor, link);
        list_remove(&c->link);
        c->rows = c->bytes = 0;
        return (struct sqlite_cursor *)c;
    }
    struct sqlite_cursor *c = mem_zalloc(sizeof(*c));
    c->q = q;
    list_init(&c->base.link);
    buf_init(&c->bytes, KEPT_MAX_BYTES);
    return c;
}

static int step(struct sqlite *q, struct prepared *p)
{
    sqlite_enter(q);
    int rc = sqlite3_step(p->stmt);
    sqlite_leave(q);
    return rc;
}

int sqlite_exec(struct store *s, const struct statement *st, int64_t *changes, struct err *err)
{
    struct sqlite *q = (struct sqlite *)s;
    struct prepared *p = NULL;
    int rc = SQLITE_ROW;
    int rv = sqlite_prepare(q, st, &p, err);
    if (rv < 0) {
        return rv;
    }
    rv = sqlite_bind(q, p, st, false, err);
    if (rv == 0 && !p->readonly && !st->last) {
        rv = sqlite_mark(q, err);
        sqlite_watch(q, p);
    }
    while (rv == 0 && rc == SQLITE_ROW) {
        rc = step(q, p);
        rv = rc == SQLITE_ROW ? store_check_deadline(s, err) : 0;
    }
    if (rv == 0 && rc != SQLITE_DONE) {
        rv = sqlite_error(q, rc, st->sql, err);
    }
    if (rv == 0 && changes) {
        *changes = p->readonly ? 0 : sqlite3_changes64(q->db);
    }
    sqlite_done(q, p);
    store_count(&s->statements, 1);
    return rv;
}

static int64_t row_bytes(sqlite3_stmt *stmt, int columns)
{
    int64_t bytes = 0;
    for (int i = 0; i < columns; i++) {
        int type = sqlite3_column_type(stmt, i);
        bytes += type == SQLITE_TEXT || type == SQLITE_BLOB ? sqlite3_column_bytes(stmt, i) : 8;
    }
    return bytes;
}

static void read_column(sqlite3_stmt *stmt, int column, struct value *out)
{
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        *out = value_int(sqlite3_column_int64(stmt, column));
        break;
    case SQLITE_FLOAT:
        *out = (struct value){.type = VALUE_DOUBLE, .d = sqlite3_column_double(stmt, column)};
        break;
    case SQLITE_TEXT:
        out->type = VALUE_TEXT;
        out->s.data = (const char *)sqlite3_column_text(stmt, column);
        out->s.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    case SQLITE_BLOB:
        out->type = VALUE_BLOB;
        out->s.data = sqlite3_column_blob(stmt, column);
        out->s.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    default:
        *out = value_null();
    }
}

static int keep_row(struct sqlite_cursor *c, struct err *err)
{
    if (c->count + c->columns > c->cap) {
        c->cap = c->cap * 2 + c->columns;
        c->cells = mem_realloc(c->cells, (size_t)c->cap * sizeof(*c->cells));
    }
    for (int i = 0; i < c->columns; i++) {
        struct value *cell = &c->cells[c->count + i];
        *cell = value_null();
        read_column(c->p->stmt, i, cell);
        if (cell->s.len > 0) {
            cell->i = (int64_t)c->bytes.len;
            if (buf_slice(&c->bytes, cell->s) < 0) {
                return err_rule(err, ERR_LIMIT, "sql.bytes", NULL, "RETURNING gives more than %d bytes",
                                KEPT_MAX_BYTES);
            }
        }
    }
    c->count += c->columns;
    return 0;
}

static int keep_rows(struct sqlite_cursor *c, struct slice sql, struct err *err)
{
    struct store *s = &c->q->base;
    int rc = SQLITE_ROW;
    int rv = 0;
    while (rv == 0 && (rc = step(c->q, c->p)) == SQLITE_ROW) {
        rv = store_check_deadline(s, err);
        rv = rv == 0 ? store_count_row(s, &c->base, row_bytes(c->p->stmt, c->columns), err) : rv;
        rv = rv == 0 ? keep_row(c, err) : rv;
    }
    if (rv == 0 && rc != SQLITE_DONE) {
        rv = sqlite_error(c->q, rc, sql, err);
    }
    sqlite3_reset(c->p->stmt);
    return rv;
}

int sqlite_query(struct store *s, const struct statement *st, struct cursor **out, struct err *err)
{
    struct sqlite *q = (struct sqlite *)s;
    struct prepared *p = NULL;
    int rv = sqlite_prepare(q, st, &p, err);
    if (rv < 0) {
        return rv;
    }
    struct sqlite_cursor *c = take_cursor(q);
    c->p = p;
    c->columns = sqlite3_column_count(p->stmt);
    c->kept = !p->readonly;
    c->count = 0;
    c->at = -1;
    rv = sqlite_bind(q, p, st, p->readonly, err);
    if (rv == 0 && c->kept) {
        rv = st->last ? 0 : sqlite_mark(q, err);
        sqlite_watch(q, p);
        rv = rv == 0 ? keep_rows(c, st->sql, err) : rv;
    }
    store_count(&s->statements, 1);
    if (rv < 0) {
        sqlite_finish(&c->base);
        return rv;
    }
    *out = &c->base;
    return 0;
}

int sqlite_step(struct cursor *base, struct err *err)
{
    struct sqlite_cursor *c = (struct sqlite_cursor *)base;
    if (c->kept) {
        int next = c->at < 0 ? 0 : c->at + c->columns;
        if (next >= c->count) {
            return 0;
        }
        c->at = next;
        return 1;
    }
    if (c->at == -2) {
        return 0; /* a further step would begin the query again */
    }
    sqlite_watch(c->q, c->p);
    int rc = step(c->q, c->p);
    if (rc == SQLITE_ROW) {
        struct store *s = base->store;
        int64_t bytes = s->max_bytes ? row_bytes(c->p->stmt, c->columns) : 0;
        c->at = 0;
        int rv = store_count_row(s, base, bytes, err);
        return rv < 0 ? rv : 1;
    }
    c->at = -2;
    return rc == SQLITE_DONE ? 0 : sqlite_error(c->q, rc, slice_of(sqlite3_sql(c->p->stmt)), err);
}

int sqlite_columns(const struct cursor *c)
{
    return ((const struct sqlite_cursor *)c)->columns;
}

const char *sqlite_column(const struct cursor *base, int column)
{
    const struct sqlite_cursor *c = (const struct sqlite_cursor *)base;
    const char *name = column >= 0 && column < c->columns ? sqlite3_column_name(c->p->stmt, column) : NULL;
    return name ? name : "";
}

void sqlite_value(struct cursor *base, int column, struct value *out)
{
    struct sqlite_cursor *c = (struct sqlite_cursor *)base;
    if (c->at < 0) {
        return;
    }
    if (!c->kept) {
        read_column(c->p->stmt, column, out);
        return;
    }
    *out = c->cells[c->at + column];
    if (out->type == VALUE_TEXT || out->type == VALUE_BLOB) {
        out->s.data = out->s.len ? c->bytes.data + out->i : "";
        out->i = 0;
    }
}

void sqlite_finish(struct cursor *base)
{
    struct sqlite_cursor *c = (struct sqlite_cursor *)base;
    sqlite_done(c->q, c->p);
    c->p = NULL;
    c->columns = 0;
    buf_clear(&c->bytes);
    list_push_front(&c->q->idle_cursors, &base->link);
}
