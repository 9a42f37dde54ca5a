#include "plugin/running.h"

#include "base/utf8.h"
#include "script/fault.h"

#include <stdio.h>

/* The database for C plugins: the same statements, guard and limits as call.db of Lua. */

enum { PARAMETERS_MAX = 1000 };

/* A parameter as the store takes it; JSON is text to a database. */
static bool bind_one(const struct muster_value *in, struct value *out)
{
    const struct slice s = {in->s.data ? in->s.data : "", in->s.data ? in->s.len : 0};
    switch (in->type) {
    case MUSTER_NULL:
        *out = value_null();
        return true;
    case MUSTER_BOOL:
        *out = value_int(in->i != 0);
        return true;
    case MUSTER_INT:
        *out = value_int(in->i);
        return true;
    case MUSTER_DOUBLE:
        *out = (struct value){.type = VALUE_DOUBLE, .d = in->d};
        return true;
    case MUSTER_TEXT:
    case MUSTER_JSON:
        *out = value_text(s);
        return utf8_valid(s);
    case MUSTER_BLOB:
        *out = (struct value){.type = VALUE_BLOB, .s = s};
        return true;
    default:
        return false;
    }
}

/* The parameters of a statement, until the next one: drivers keep nothing of them. NULL with the call failed. */
static struct value *bind(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs)
{
    if (!sql || nargs < 0 || nargs > PARAMETERS_MAX || (nargs > 0 && !args)) {
        running_failed(m, "a statement without a text, or with a wrong number of parameters");
        return NULL;
    }
    if (nargs >= m->cap_values) {
        m->cap_values = nargs + 8;
        m->values = mem_realloc(m->values, (size_t)m->cap_values * sizeof(*m->values));
    }
    for (int i = 0; i < nargs; i++)
        if (!bind_one(&args[i], &m->values[i])) {
            running_failed(m, "a parameter of a statement has no type of muster.h, or its text is not UTF-8");
            return NULL;
        }
    return m->values;
}

/* What the store refused: a wrong statement is the plugin's fault, as in Lua. */
static int refused(struct muster_call *m, int rv, struct err *err)
{
    char place[200];
    err->code = rv;
    snprintf(place, sizeof(place), "command %s: ", m->call->command);
    return running_refused(m, fault_of_sql(err, m->call->plugin, place), err);
}

int host_run(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs, int64_t *changes)
{
    struct err err = {0};
    int64_t count = 0;
    if (!running_may(m, "run"))
        return MUSTER_FAILED;
    const struct value *values = bind(m, sql, args, nargs);
    if (!values)
        return MUSTER_FAILED;
    int rv = store_exec(m->call->store, m->call->plugin, slice_of(sql), values, nargs, &count, &err);
    if (rv != 0)
        return refused(m, rv, &err);
    if (changes)
        *changes = count;
    return MUSTER_OK;
}

int host_query(struct muster_call *m, const char *sql, const struct muster_value *args, int nargs,
               struct muster_rows **out)
{
    struct err err = {0};
    if (!out)
        return running_failed(m, "query: no place for the rows");
    *out = NULL;
    if (!running_may(m, "query"))
        return MUSTER_FAILED;
    const struct value *values = bind(m, sql, args, nargs);
    if (!values)
        return MUSTER_FAILED;
    struct muster_rows *rows = NULL;
    for (int i = 0; i < m->nrows && !rows; i++)
        if (!m->rows[i].cursor)
            rows = &m->rows[i];
    if (!rows && m->nrows < RUNNING_ROWS_MAX) {
        rows = &m->rows[m->nrows++];
        *rows = (struct muster_rows){0};
    }
    if (!rows)
        return running_failed(m, "query: at most 16 results are read at a time; finish one first");
    int rv = store_query(m->call->store, m->call->plugin, slice_of(sql), values, nargs, &rows->cursor, &err);
    if (rv != 0) {
        rows->cursor = NULL;
        return refused(m, rv, &err);
    }
    rows->columns = cursor_columns(rows->cursor);
    rows->on_row = false;
    *out = rows;
    return MUSTER_OK;
}

int host_step(struct muster_call *m, struct muster_rows *rows)
{
    struct err err = {0};
    if (!running_may(m, "step"))
        return MUSTER_FAILED;
    if (!rows || !rows->cursor)
        return running_failed(m, "step: these rows are finished");
    running_drop(&rows->texts, true);
    int rv = cursor_step(rows->cursor, &err);
    rows->on_row = rv == 1;
    return rv < 0 ? refused(m, rv, &err) : rv;
}

int host_columns(struct muster_call *m, struct muster_rows *rows)
{
    return running_may(m, "columns") && rows && rows->cursor ? rows->columns : 0;
}

void host_column(struct muster_call *m, struct muster_rows *rows, int column, struct muster_value *out)
{
    struct value v;
    *out = (struct muster_value){.type = MUSTER_NULL};
    if (!running_may(m, "column"))
        return;
    if (!rows || !rows->cursor || !rows->on_row || column < 0 || column >= rows->columns) {
        running_failed(m, "column: there is no such column, or no row; step first");
        return;
    }
    cursor_value(rows->cursor, column, &v);
    running_give(&rows->texts, &v, out);
}

void host_finish(struct muster_call *m, struct muster_rows *rows)
{
    (void)m;
    if (rows && rows->cursor)
        running_close(rows);
}
