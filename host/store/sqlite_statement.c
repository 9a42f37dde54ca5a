/* Prepared statements: the cache, the checks at first use, and the binding of arguments. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/sqlite.h"

/* A statement is looked up by the plugin's name and the bytes of its text, so that a text is linted, authorized and
 * compiled once per connection. 256 are kept, the least recently used goes first. One that is busy (an open query
 * stepping through it) is never shared: the same text asked for meanwhile is compiled once more and thrown away
 * after use. */

/* Of one that is kept, as compiled: a short text may be a large statement, too. */
#define MAX_CACHED_BYTES (128 * 1024)

/* -- the cache -- */

/* Eight bytes a step; the texts are the program's own, so nobody attacks this hash. */
static uint64_t mix(uint64_t h, const char *data, size_t len)
{
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t word = 0;
    for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, data, sizeof(word));
        h = (h ^ word) * k;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, data, len);
    h = (h ^ word ^ ((uint64_t)len << 56)) * k;
    return h ^ (h >> 29);
}

static bool is_key(const struct prepared *p, const char *plugin, size_t plugin_len, struct slice sql)
{
    return p->key_len == plugin_len + 1 + sql.len && memcmp(p->key + plugin_len + 1, sql.data, sql.len) == 0 &&
           memcmp(p->key, plugin, plugin_len) == 0 && p->key[plugin_len] == '\0';
}

static void forget(struct sqlite *q, struct prepared *p)
{
    if (p->cached) {
        struct prepared **link = &q->buckets[p->hash & (SQLITE_BUCKETS - 1)];
        while (*link != p) {
            link = &(*link)->chain;
        }
        *link = p->chain;
        list_remove(&p->age);
        q->cached--;
    }
    sqlite3_finalize(p->stmt);
    free(p->key);
    free(p);
}

void sqlite_forget_all(struct sqlite *q)
{
    while (!list_empty(&q->ages)) {
        forget(q, list_entry(q->ages.next, struct prepared, age));
    }
    while (!list_empty(&q->idle_cursors)) {
        struct cursor *c = list_entry(q->idle_cursors.next, struct cursor, link);
        list_remove(&c->link);
        sqlite_free_cursor(c);
    }
}

static void evict_one(struct sqlite *q)
{
    for (struct list *item = q->ages.prev; item != &q->ages; item = item->prev) {
        struct prepared *p = list_entry(item, struct prepared, age);
        if (!p->busy) {
            forget(q, p);
            return;
        }
    }
}

static void keep(struct sqlite *q, struct prepared *p)
{
    if (q->cached >= SQLITE_CACHED) {
        evict_one(q);
    }
    struct prepared **bucket = &q->buckets[p->hash & (SQLITE_BUCKETS - 1)];
    p->chain = *bucket;
    *bucket = p;
    list_push_front(&q->ages, &p->age);
    p->cached = true;
    q->cached++;
}

void sqlite_done(struct sqlite *q, struct prepared *p)
{
    sqlite3_reset(p->stmt);
    sqlite3_clear_bindings(p->stmt); /* a kept statement does not keep its arguments */
    p->busy = false;
    if (!p->cached) {
        forget(q, p);
    }
}

/* -- preparing -- */

void sqlite_watch(struct sqlite *q, const struct prepared *p)
{
    q->guard.plugin = p ? p->plugin : NULL;
    q->value_max_bytes = p ? p->value_max_bytes : 0;
    if (q->guard.plugin) {
        q->guard.use = p->use;
        q->guard.ddl = p->ddl;
        q->guard.alter = p->alter;
        q->guard.denied[0] = '\0';
        q->guard.rule = NULL;
        q->guard.with_count = 0;
    }
}

static bool begins_with(struct slice sql, const char *word)
{
    struct token first = token_next(&sql);
    return token_is(&first, word);
}

/* SQLite looks at an interrupt where its machine goes back, once for each row; between, each instruction may read a text
 * from end to end, at up to 3 ns a byte (a sum of long numbers in texts). So a statement of many instructions works on
 * shorter values: for a usual one, up to some 12 KiB as compiled, that is the whole 1 MiB. */
#define INSTRUCTION_BYTES 24
#define MAX_ROW_WORK (512 * 1024 * 1024) /* instructions × bytes */

static int value_max(int size_bytes)
{
    const int most = MAX_ROW_WORK / (size_bytes / INSTRUCTION_BYTES + 1);
    return most < PLUGIN_VALUE_BYTES ? most : PLUGIN_VALUE_BYTES;
}

static int compile(struct sqlite *q, const struct statement *st, struct prepared *p, struct err *err)
{
    if (st->plugin && !q->base.unsafe_sql) {
        int rv = guard_lint(st->sql, st->use, err);
        if (rv < 0) {
            return rv;
        }
    }
    sqlite_watch(q, p);
    /* A plugin has no virtual tables; ALTER TABLE looks into one of SQLite's own. */
    unsigned flags = SQLITE_PREPARE_PERSISTENT | (p->plugin && !p->ddl ? SQLITE_PREPARE_NO_VTAB : 0);
    const char *text = p->key + (p->key_len - st->sql.len);
    const char *tail = NULL;
    sqlite_enter(q);
    int rc = sqlite3_prepare_v3(q->db, text, (int)st->sql.len + 1, flags, &p->stmt, &tail);
    sqlite_leave(q);
    if (rc != SQLITE_OK) {
        return sqlite_error(q, rc, st->sql, err);
    }
    if (!p->stmt) {
        return err_rule(err, ERR_ARG, "sql.empty", NULL, "there is no statement");
    }
    if (guard_statement(slice_of(tail)) > 0) {
        return err_rule(err, ERR_ARG, "sql.many", NULL, "one statement at a time; this follows: %.*s",
                        (int)utf8_cut(slice_of(tail), 40), tail);
    }
    p->params = sqlite3_bind_parameter_count(p->stmt);
    p->readonly = sqlite3_stmt_readonly(p->stmt);
    p->size_bytes = sqlite3_stmt_status(p->stmt, SQLITE_STMTSTATUS_MEMUSED, 0);
    p->value_max_bytes = q->value_max_bytes = value_max(p->size_bytes);
    store_count(&q->base.prepared, 1);
    return st->plugin ? sqlite_guard_settle(q, err) : 0;
}

/* Compile `st` into a new entry. */
static int make(struct sqlite *q, const struct statement *st, size_t plugin_len, struct prepared **out, struct err *err)
{
    if (st->sql.len > MAX_SQL_BYTES || memchr(st->sql.data, '\0', st->sql.len)) {
        return err_rule(err, ERR_POLICY, "sql.length", NULL, "a statement has at most %d bytes, and no NUL",
                        MAX_SQL_BYTES);
    }
    struct prepared *p = mem_zalloc(sizeof(*p));
    p->key_len = plugin_len + 1 + st->sql.len;
    p->key = mem_alloc(p->key_len + 1);
    memcpy(p->key, st->plugin ? st->plugin : "", plugin_len + 1);
    memcpy(p->key + plugin_len + 1, st->sql.data, st->sql.len);
    p->key[p->key_len] = '\0';
    p->plugin = st->plugin ? p->key : NULL;
    p->use = st->use;
    p->alter = st->use == GUARD_MIGRATION && begins_with(st->sql, "alter");
    p->ddl =
        p->alter || (st->use == GUARD_MIGRATION && (begins_with(st->sql, "create") || begins_with(st->sql, "drop")));
    p->busy = true;
    p->value_max_bytes = PLUGIN_VALUE_BYTES;
    list_init(&p->age);
    int rv = compile(q, st, p, err);
    if (rv < 0) {
        forget(q, p);
        return rv;
    }
    *out = p;
    return 0;
}

int sqlite_prepare(struct sqlite *q, const struct statement *st, struct prepared **out, struct err *err)
{
    const char *plugin = st->plugin ? st->plugin : "";
    const size_t plugin_len = strlen(plugin);
    const uint64_t hash = mix(mix(0, plugin, plugin_len), st->sql.data, st->sql.len);
    struct prepared *p = q->buckets[hash & (SQLITE_BUCKETS - 1)];
    while (p && !(p->hash == hash && is_key(p, plugin, plugin_len, st->sql))) {
        p = p->chain;
    }
    if (p && !p->busy) {
        p->busy = true;
        list_remove(&p->age);
        list_push_front(&q->ages, &p->age);
        sqlite_watch(q, p);
        *out = p;
        return 0;
    }
    int rv = make(q, st, plugin_len, out, err);
    if (rv == 0 && !p && st->use == GUARD_COMMAND && (*out)->size_bytes <= MAX_CACHED_BYTES) {
        (*out)->hash = hash;
        keep(q, *out);
    }
    return rv;
}

/* -- arguments -- */

/* Valid UTF-8 without NUL? Plain ASCII, the usual case, eight bytes at a time. */
static bool text_ok(struct slice s)
{
    const uint64_t high = 0x8080808080808080u;
    const uint64_t ones = 0x0101010101010101u;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.data + i, sizeof(word));
        if ((word | (word - ones)) & high) {
            return utf8_valid(s);
        }
    }
    for (; i < s.len; i++) {
        if (s.data[i] <= 0) {
            return utf8_valid(s);
        }
    }
    return true;
}

static int bind_one(sqlite3_stmt *stmt, int i, const struct value *v, void (*life)(void *))
{
    /* SQLite takes a NULL pointer for NULL, and an empty text may have one. */
    const char *data = v->s.data ? v->s.data : "";
    switch (v->type) {
    case VALUE_NULL:
        return sqlite3_bind_null(stmt, i);
    case VALUE_INT:
    case VALUE_BOOL:
        return sqlite3_bind_int64(stmt, i, v->i);
    case VALUE_DOUBLE:
        return sqlite3_bind_double(stmt, i, v->d);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(stmt, i, data, v->s.len, life);
    default:
        return sqlite3_bind_text64(stmt, i, data, v->s.len, life, SQLITE_UTF8);
    }
}

static int check_arguments(const struct prepared *p, const struct statement *st, struct err *err)
{
    if (p->params != st->nargs) {
        return err_rule(err, ERR_ARG, "sql.args", NULL,
                        "the statement has %d parameters, %d arguments were given: %.*s", p->params, st->nargs,
                        (int)utf8_cut(st->sql, 160), st->sql.data);
    }
    for (int i = 0; i < st->nargs; i++) {
        const struct value *v = &st->args[i];
        if ((v->type == VALUE_TEXT || v->type == VALUE_JSON) && !text_ok(v->s)) {
            return err_rule(err, ERR_ARG, "sql.text", NULL,
                            "argument %d is not UTF-8 text without NUL: pass it as a blob", i + 1);
        }
        if (v->type == VALUE_DOUBLE && isnan(v->d)) {
            return err_rule(err, ERR_ARG, "sql.nan", NULL, "argument %d is not a number (NaN)", i + 1);
        }
    }
    return 0;
}

int sqlite_bind(struct sqlite *q, struct prepared *p, const struct statement *st, bool copy, struct err *err)
{
    int rc = SQLITE_OK;
    int rv = check_arguments(p, st, err);
    if (rv < 0) {
        return rv;
    }
    sqlite_enter(q);
    for (int i = 0; i < st->nargs && rc == SQLITE_OK; i++) {
        rc = bind_one(p->stmt, i + 1, &st->args[i], copy ? SQLITE_TRANSIENT : SQLITE_STATIC);
    }
    sqlite_leave(q);
    return rc == SQLITE_OK ? 0 : sqlite_error(q, rc, st->sql, err);
}
