/* sqlite3.h declares the hook only when it was built in, as Debian's is. */
#define SQLITE_ENABLE_PREUPDATE_HOOK

#include "store/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/sqlite.h"

/* SQLite tells of each row just before it changes (sqlite.org/c3ref/preupdate_blobwrite.html). The values are copied
 * then; the names of the columns are asked for at the end, since no statement may run inside the hook.
 *
 * Rows carry the level of savepoint in which they changed: a level that is rolled back takes its rows with it, one that
 * is kept hands them to the level around it.
 *
 * DELETE without WHERE would empty a table without naming its rows, if it was compiled while nobody listened: so every
 * statement is compiled anew. */

enum { VALUE_BYTES = 400, TOTAL_BYTES = 2 * 1024 * 1024, COLUMNS_MAX = 200 };

struct row {
    struct change change;
    int level;
    char *table;
    struct value *values; /* before, then after */
};

struct changes {
    struct sqlite *q;
    bool listening;
    struct row *rows;
    int count, cap, max;
    size_t bytes;
    int64_t more;
};

/* -- recording -- */

static void copy_value(struct changes *c, sqlite3_value *from, struct value *to)
{
    switch (sqlite3_value_type(from)) {
    case SQLITE_INTEGER:
        *to = value_int(sqlite3_value_int64(from));
        break;
    case SQLITE_FLOAT:
        *to = (struct value){.type = VALUE_DOUBLE, .d = sqlite3_value_double(from)};
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        bool text = sqlite3_value_type(from) == SQLITE_TEXT;
        struct slice s = {text ? (const char *)sqlite3_value_text(from) : sqlite3_value_blob(from), 0};
        s.len = (size_t)sqlite3_value_bytes(from);
        if (s.len > VALUE_BYTES)
            s.len = text ? utf8_cut(s, VALUE_BYTES) : VALUE_BYTES;
        s.data = mem_dup_slice(s);
        c->bytes += s.len;
        *to = (struct value){.type = text ? VALUE_TEXT : VALUE_BLOB, .s = s};
        break;
    }
    default:
        *to = value_null();
    }
}

static void take_side(struct changes *c, struct value *values, int columns,
                      int (*get)(sqlite3 *, int, sqlite3_value **))
{
    for (int i = 0; i < columns; i++) {
        sqlite3_value *value = NULL;
        if (get(c->q->db, i, &value) == SQLITE_OK && value)
            copy_value(c, value, &values[i]);
    }
}

static void on_change(void *arg, sqlite3 *db, int op, const char *database, const char *table, sqlite3_int64 old_id,
                      sqlite3_int64 new_id)
{
    struct changes *c = arg;
    (void)database, (void)old_id, (void)new_id;
    int columns = sqlite3_preupdate_count(db);
    if (c->count == c->max || c->bytes > TOTAL_BYTES || columns > COLUMNS_MAX) {
        c->more++;
        return;
    }
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->rows = mem_realloc(c->rows, (size_t)c->cap * sizeof(*c->rows));
    }
    struct row *row = &c->rows[c->count++];
    *row = (struct row){.level = c->q->base.level, .table = mem_dup(table)};
    row->values = mem_zalloc((size_t)columns * 2 * sizeof(*row->values));
    row->change = (struct change){.table = row->table, .columns = columns};
    row->change.op = op == SQLITE_INSERT ? "insert" : op == SQLITE_UPDATE ? "update" : "delete";
    if (op != SQLITE_INSERT) {
        take_side(c, row->values, columns, sqlite3_preupdate_old);
        row->change.before = row->values;
    }
    if (op != SQLITE_DELETE) {
        take_side(c, row->values + columns, columns, sqlite3_preupdate_new);
        row->change.after = row->values + columns;
    }
}

static void free_row(struct row *row)
{
    for (int i = 0; i < row->change.columns * 2; i++)
        free((void *)(uintptr_t)row->values[i].s.data);
    for (int i = 0; row->change.names && i < row->change.columns; i++)
        free((void *)(uintptr_t)row->change.names[i]);
    free((void *)(uintptr_t)row->change.names);
    free(row->values);
    free(row->table);
}

void sqlite_changes_unmark(struct changes *c, int level, bool keep)
{
    for (int i = c->count - 1; i >= 0 && c->rows[i].level >= level; i--) {
        if (keep) {
            c->rows[i].level = level - 1;
        } else {
            free_row(&c->rows[i]);
            c->count = i;
        }
    }
}

int changes_begin(struct store *s, int max_rows, struct changes **out, struct err *err)
{
    struct sqlite *q = (struct sqlite *)s;
    *out = NULL;
    if (s->driver != &sqlite_driver || s->level == 0 || q->changes || !list_empty(&s->cursors))
        return err_set(err, ERR_STATE,
                       "changes are recorded inside a command, one record at a time, with no query open");
    struct changes *c = mem_zalloc(sizeof(*c));
    c->q = q;
    c->max = max_rows;
    c->listening = true;
    q->changes = c;
    sqlite_forget_all(q);
    sqlite3_preupdate_hook(q->db, on_change, c);
    *out = c;
    return 0;
}

/* -- reading -- */

static int name_columns(struct changes *c, struct row *row, struct err *err)
{
    struct sqlite *q = c->q;
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" LIMIT 0", row->table);
    sqlite_watch(q, NULL);
    int rc = sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL);
    sqlite3_free(sql);
    const char **names = mem_zalloc((size_t)row->change.columns * sizeof(*names));
    for (int i = 0; i < row->change.columns; i++)
        names[i] = mem_dup(rc == SQLITE_OK && i < sqlite3_column_count(stmt) ? sqlite3_column_name(stmt, i) : "?");
    row->change.names = names;
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? 0 : sqlite_error(q, rc, SLICE(""), err);
}

static void end(struct changes *c)
{
    if (c->listening)
        sqlite3_preupdate_hook(c->q->db, NULL, NULL);
    if (c->q->changes == c)
        c->q->changes = NULL;
    c->listening = false;
}

int changes_stop(struct changes *c, struct err *err)
{
    int rv = 0;
    end(c);
    for (int i = 0; i < c->count && rv == 0; i++)
        rv = name_columns(c, &c->rows[i], err);
    return rv;
}

int changes_count(const struct changes *c)
{
    return c->count;
}

int64_t changes_more(const struct changes *c)
{
    return c->more;
}

const struct change *changes_at(const struct changes *c, int i)
{
    return &c->rows[i].change;
}

void changes_free(struct changes *c)
{
    if (!c)
        return;
    end(c);
    for (int i = 0; i < c->count; i++)
        free_row(&c->rows[i]);
    free(c->rows);
    free(c);
}

/* -- statements that are not run -- */

int store_check_sql(struct store *s, const char *plugin, struct slice sql, struct err *err)
{
    struct sqlite *q = (struct sqlite *)s;
    struct prepared *p = NULL;
    const struct statement st = {.plugin = plugin, .use = GUARD_COMMAND, .sql = sql};
    if (s->driver != &sqlite_driver)
        return err_set(err, ERR_STATE, "this store compiles no statements");
    int rv = sqlite_prepare(q, &st, &p, err);
    if (rv < 0)
        return rv;
    int params = p->params;
    sqlite_done(q, p);
    return params;
}
