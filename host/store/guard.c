/* The portable subset: what a plugin's SQL may say. */
#include "store/guard.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "store/token.h"

/* The linter reads tokens, not grammar: a text that is no SQL at all may pass, and the database refuses it when it
 * is prepared. It is there for what SQLite would accept and another engine would refuse or answer otherwise; whose
 * tables a statement touches is the authorizer's question (sqlite_guard.c). */

#define MAX_TOKENS 20000
#define MAX_LINT_BYTES (256 * 1024)

/* One statement as tokens; three END tokens stand behind the last, so that looking ahead needs no check. */
struct text {
    struct token *list;
    int count;
};

static int refuse(struct err *err, const char *rule, const struct token *t, const char *advice)
{
    return err_rule(err, ERR_POLICY, rule, NULL, "SQL at '%.*s': %s", (int)utf8_cut(t->text, 40), t->text.data, advice);
}

/* -- words that are refused wherever they stand -- */

struct word {
    const char *word, *rule, *advice;
};

static const struct word words[] = {
    {"autoincrement", "sql.autoincrement",
     "AUTOINCREMENT is not portable; write INTEGER PRIMARY KEY, or take numbers from a series"},
    {"rowid", "sql.rowid", "rowid is SQLite's own; declare a column as INTEGER PRIMARY KEY and use it"},
    {"_rowid_", "sql.rowid", "rowid is SQLite's own; declare a column as INTEGER PRIMARY KEY and use it"},
    {"oid", "sql.rowid", "oid is SQLite's own; declare a column as INTEGER PRIMARY KEY and use it"},
    {"virtual", "sql.virtual", "virtual tables and columns are refused; use an ordinary table"},
    {"glob", "sql.glob", "GLOB is SQLite's own; write LIKE"},
    {"match", "sql.match", "MATCH is SQLite's own; write LIKE or an own search table"},
    {"regexp", "sql.regexp", "REGEXP is not portable; write LIKE"},
    {"collate", "sql.collate", "text is compared by its bytes; write lower(column) to ignore case"},
    {"indexed", "sql.indexed", "INDEXED BY is SQLite's own; leave it out"},
    {"deferrable", "sql.deferrable", "a deferred check fails the commit of everybody; leave it out"},
    {"deferred", "sql.deferrable", "a deferred check fails the commit of everybody; leave it out"},
    {"current_timestamp", "sql.now", "the time is call.now; pass it as an argument"},
    {"current_date", "sql.now", "the time is call.now; pass it as an argument"},
    {"current_time", "sql.now", "the time is call.now; pass it as an argument"},
    {"isnull", "sql.isnull", "write IS NULL"},
    {"notnull", "sql.isnull", "write IS NOT NULL"},
    {"raise", "sql.raise", "RAISE belongs to triggers; fail the command instead"},
};

/* Refused as the first word of a statement. */
#define TRANSACTION "a command is a transaction already; fail it to roll it back"
#define HOST "that is the host's business; leave it out"
static const struct word firsts[] = {
    {"begin", "sql.begin", TRANSACTION},
    {"commit", "sql.commit", TRANSACTION},
    {"end", "sql.end", TRANSACTION},
    {"rollback", "sql.rollback", TRANSACTION},
    {"savepoint", "sql.savepoint", TRANSACTION},
    {"release", "sql.release", TRANSACTION},
    {"pragma", "sql.pragma", HOST},
    {"vacuum", "sql.vacuum", HOST},
    {"analyze", "sql.analyze", HOST},
    {"reindex", "sql.reindex", HOST},
    {"attach", "sql.attach", "one database holds everything"},
    {"detach", "sql.detach", "one database holds everything"},
    {"explain", "sql.explain", "a person's tool; leave it out"},
    {"replace", "sql.replace", "REPLACE is SQLite's own; write INSERT … ON CONFLICT … DO UPDATE"},
    {"create", "sql.create", "tables change in migrations only"},
    {"alter", "sql.alter", "tables change in migrations only"},
    {"drop", "sql.drop", "tables change in migrations only"},
};

/* Refused when an opening parenthesis follows. A trailing * stands for any ending. */
static const struct word functions[] = {
    {"ifnull", "sql.ifnull", "write coalesce(a, b)"},
    {"iif", "sql.iif", "write CASE WHEN … THEN … ELSE … END"},
    {"instr", "sql.instr", "instr is not portable; search with LIKE, or in the command"},
    {"typeof", "sql.typeof", "typeof is SQLite's own; columns of STRICT tables have one type"},
    {"group_concat", "sql.group_concat", "engines disagree on it; read the rows and join them in the command"},
    {"string_agg", "sql.string_agg", "engines disagree on it; read the rows and join them in the command"},
    {"json*", "sql.json", "JSON functions are not portable; keep columns, or decode in the command"},
    {"datetime", "sql.datetime", "time is an integer of milliseconds; the date is made in the command"},
    {"date", "sql.datetime", "time is an integer of milliseconds; the date is made in the command"},
    {"time", "sql.datetime", "time is an integer of milliseconds; the date is made in the command"},
    {"julianday", "sql.datetime", "time is an integer of milliseconds; the date is made in the command"},
    {"unixepoch", "sql.datetime", "time is an integer of milliseconds; the date is made in the command"},
    {"strftime", "sql.strftime", "time is an integer of milliseconds; the date is made in the command"},
    {"now", "sql.now", "the time is call.now; pass it as an argument"},
    {"random*", "sql.random", "chance comes from the host; pass it as an argument"},
    {"total", "sql.total", "write coalesce(sum(x), 0)"},
    {"printf", "sql.printf", "printf is not portable; format in the command"},
    {"format", "sql.printf", "format differs between engines; format in the command"},
    {"last_insert_rowid", "sql.last_insert_rowid", "write INSERT … RETURNING id"},
    {"changes", "sql.changes", "the statement's result says how many rows it changed"},
    {"total_changes", "sql.changes", "the statement's result says how many rows it changed"},
    {"hex", "sql.hex", "hex is not portable; do it in the command"},
    {"quote", "sql.quote", "quote is not needed: use ? parameters"},
    {"load_extension", "sql.load_extension", "extensions are refused"},
};

static bool same_word(const char *pattern, struct slice s)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') {
        return s.len >= len - 1 && strncasecmp(pattern, s.data, len - 1) == 0;
    }
    return s.len == len && strncasecmp(pattern, s.data, len) == 0;
}

static const struct word *look_up(const struct word *list, size_t count, struct slice s)
{
    for (size_t i = 0; i < count; i++) {
        if (same_word(list[i].word, s)) {
            return &list[i];
        }
    }
    return NULL;
}
#define LOOK_UP(list, s) look_up(list, sizeof(list) / sizeof((list)[0]), s)

static int check_word(const struct token *t, struct err *err)
{
    struct slice name = t->text;
    const struct word *w = t->kind == TOKEN_WORD ? LOOK_UP(words, name) : NULL;
    if (t->kind == TOKEN_QUOTED) {
        /* "rowid" in quotes is still SQLite's rowid. */
        name = (struct slice){name.data + 1, name.len - 2};
        w = LOOK_UP(words, name);
        w = w && strcmp(w->rule, "sql.rowid") == 0 ? w : NULL;
    }
    if (w) {
        return refuse(err, w->rule, t, w->advice);
    }
    bool called = (t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED) && token_is_op(t + 1, "(");
    w = called ? LOOK_UP(functions, name) : NULL;
    return w ? refuse(err, w->rule, t, w->advice) : 0;
}

/* -- single tokens -- */

static int check_number(const struct token *t, struct err *err)
{
    for (size_t i = 0; i < t->text.len; i++) {
        const char c = t->text.data[i];
        if (!strchr("0123456789.eE+-", c)) {
            return refuse(err, "sql.number", t, "write a decimal number");
        }
    }
    return 0;
}

static int check_token(const struct token *t, struct err *err)
{
    if (t->kind == TOKEN_BAD) {
        return refuse(
            err, "sql.syntax", t,
            "a string, quoted name or comment that does not end, or a character outside SQL; names are quoted as \"name\"");
    }
    if (t->kind == TOKEN_NUMBER) {
        return check_number(t, err);
    }
    if (t->kind == TOKEN_PARAM && t->text.len > 1) {
        return refuse(err, "sql.parameter", t, "write a plain ? for each parameter, in order");
    }
    if (t->kind == TOKEN_PARAM && t->text.data[0] != '?') {
        return refuse(err, "sql.parameter", t, "write ? for a parameter");
    }
    if (token_is_op(t, "==")) {
        return refuse(err, "sql.equals", t, "write =");
    }
    if (token_is_op(t, "->") || token_is_op(t, "->>")) {
        return refuse(err, "sql.json", t, "JSON operators are not portable; keep columns, or decode in the command");
    }
    if (t->kind == TOKEN_WORD && t->text.len == 1 && strchr("xXeEbBnNuU", t->text.data[0]) &&
        t[1].kind == TOKEN_STRING && t[1].joined) {
        return refuse(err, "sql.literal", t, "prefixed literals are not portable; pass bytes as a ? parameter");
    }
    return check_word(t, err);
}

/* -- pairs and small phrases -- */

/* max(a, b): with one argument it is the aggregate, and portable. */
static int check_scalar(const struct token *t, struct err *err)
{
    if (!(token_is(t, "max") || token_is(t, "min")) || !token_is_op(t + 1, "(")) {
        return 0;
    }
    for (const struct token *in = t + 2; in->kind != TOKEN_END && in->depth > t->depth; in++) {
        if (token_is_op(in, ",") && in->depth == t->depth + 1) {
            return refuse(err, token_is(t, "max") ? "sql.max" : "sql.min", t,
                          "with two arguments it is SQLite's own; write CASE WHEN a > b THEN a ELSE b END");
        }
    }
    return 0;
}

/* LIMIT n OFFSET m, with n and m numbers or parameters and no comma. */
static int check_limit(const struct token *t, struct err *err)
{
    if (!token_is(t, "limit")) {
        return 0;
    }
    if (token_is_op(t + 1, "-")) {
        return refuse(err, "sql.limit", t, "a negative LIMIT is SQLite's own; leave LIMIT out");
    }
    /* As far as the next word: OFFSET, RETURNING, ON CONFLICT … have commas of their own. */
    for (const struct token *in = t + 1; in->kind != TOKEN_END && in->depth >= t->depth; in++) {
        if (in->kind == TOKEN_WORD && in->depth == t->depth) {
            break;
        }
        if (token_is_op(in, ",") && in->depth == t->depth) {
            return refuse(err, "sql.limit", t, "write LIMIT n OFFSET m");
        }
    }
    return 0;
}

/* IS compares with NULL and booleans only; SQLite takes it for any equality. */
static int check_is(const struct token *t, struct err *err)
{
    if (!token_is(t, "is")) {
        return 0;
    }
    const struct token *what = token_is(t + 1, "not") ? t + 2 : t + 1;
    static const char *const fine[] = {"null", "true", "false", "distinct"};
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        if (token_is(what, fine[i])) {
            return 0;
        }
    }
    return refuse(err, "sql.is", what, "IS is for NULL, TRUE and FALSE; write = or IS NOT DISTINCT FROM");
}

/* WHERE 1: a number is no condition elsewhere. */
static int check_where(const struct token *t, struct err *err)
{
    if (!(token_is(t, "where") || token_is(t, "having") || token_is(t, "on")) || t[1].kind != TOKEN_NUMBER) {
        return 0;
    }
    const struct token *next = t + 2;
    bool compared =
        next->kind == TOKEN_OP && !token_is_op(next, ")") && !token_is_op(next, ",") && !token_is_op(next, ";");
    compared =
        compared || token_is(next, "in") || token_is(next, "is") || token_is(next, "between") || token_is(next, "not");
    return compared ? 0 : refuse(err, "sql.where", t + 1, "a number is no condition; write TRUE or leave it out");
}

static int check_phrase(const struct token *t, struct err *err)
{
    if (token_is(t + 1, "or") && (token_is(t, "insert") || token_is(t, "update"))) {
        return refuse(err, token_is(t, "insert") ? "sql.insert_or" : "sql.update_or", t,
                      "OR … is SQLite's own; write ON CONFLICT … DO NOTHING or DO UPDATE");
    }
    if (token_is(t, "replace") && token_is(t + 1, "into")) {
        return refuse(err, "sql.replace", t, "REPLACE is SQLite's own; write INSERT … ON CONFLICT … DO UPDATE");
    }
    if (token_is(t, "without")) {
        return refuse(err, "sql.without", t, "WITHOUT ROWID is SQLite's own; leave it out");
    }
    if (token_is(t, "on") && token_is(t + 1, "conflict") && !token_is(t + 2, "do") && !token_is_op(t + 2, "(")) {
        return refuse(err, "sql.on_conflict", t, "write ON CONFLICT (columns) DO NOTHING or DO UPDATE, in the INSERT");
    }
    int rv = check_scalar(t, err);
    rv = rv == 0 ? check_limit(t, err) : rv;
    rv = rv == 0 ? check_is(t, err) : rv;
    return rv == 0 ? check_where(t, err) : rv;
}

/* -- whole statements -- */

static int check_command(const struct text *x, struct err *err)
{
    static const char *const fine[] = {"select", "with", "insert", "update", "delete"};
    const struct token *first = x->list;
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        if (token_is(first, fine[i])) {
            return 0;
        }
    }
    const struct word *w = first->kind == TOKEN_WORD ? LOOK_UP(firsts, first->text) : NULL;
    if (w) {
        return refuse(err, w->rule, first, w->advice);
    }
    return refuse(err, "sql.statement", first, "a statement is SELECT, WITH, INSERT, UPDATE or DELETE");
}

/* DELETE and UPDATE take no LIMIT. The verb may stand behind a WITH, so look for the last one outside of
 * parentheses. */
static int check_bounds(const struct text *x, struct err *err)
{
    bool changing = false;
    for (const struct token *t = x->list; t->kind != TOKEN_END; t++) {
        if (t->depth > 0) {
            continue;
        }
        if (token_is(t, "delete") || (token_is(t, "update") && !token_is(t - (t > x->list), "do"))) {
            changing = true;
        }
        if (changing && token_is(t, "limit")) {
            return refuse(err, "sql.limit", t,
                          "DELETE and UPDATE take no LIMIT; write WHERE id IN (SELECT id … LIMIT n)");
        }
    }
    return 0;
}

/* CREATE TABLE name (…) STRICT, with the four types that every engine has. */
static int check_table(const struct text *x, struct err *err)
{
    const struct token *t = x->list;
    bool strict = false;
    for (; t->kind != TOKEN_END; t++) {
        strict = strict || (t->depth == 0 && token_is(t, "strict"));
        if (t->depth == 0 && (token_is(t, "as") || token_is(t, "select"))) {
            return refuse(err, "sql.create", t, "write the columns out; CREATE TABLE … AS is refused");
        }
        if (t->depth == 1 && (token_is(t, "any") || token_is(t, "int"))) {
            return refuse(err, "sql.type", t, "a column is INTEGER, REAL, TEXT or BLOB");
        }
    }
    return strict ? 0
                  : refuse(err, "sql.strict", x->list,
                           "a table ends with STRICT, so that every engine keeps the same types");
}

static int check_migration(const struct text *x, struct err *err)
{
    const struct token *t = x->list;
    if (token_is(t, "create")) {
        const struct token *what = token_is(t + 1, "unique") ? t + 2 : t + 1;
        if (token_is(what, "table")) {
            return check_table(x, err);
        }
        return token_is(what, "index") ? 0
                                       : refuse(err, "sql.create", what, "a migration creates tables and indexes only");
    }
    if (token_is(t, "alter")) {
        return token_is(t + 1, "table") ? 0 : refuse(err, "sql.alter", t + 1, "write ALTER TABLE");
    }
    if (token_is(t, "drop")) {
        return token_is(t + 1, "table") || token_is(t + 1, "index")
                   ? 0
                   : refuse(err, "sql.drop", t + 1, "a migration drops tables and indexes only");
    }
    return check_command(x, err);
}

/* Cut `sql` into tokens with their depth; ERR_POLICY when it is too long. */
static int cut(struct slice sql, struct text *x, struct err *err)
{
    int cap = 0;
    int depth = 0;
    struct token t;
    *x = (struct text){NULL, 0};
    if (sql.len > MAX_LINT_BYTES) {
        return err_rule(err, ERR_POLICY, "sql.length", NULL, "a statement has at most %d bytes", MAX_LINT_BYTES);
    }
    do {
        t = token_next(&sql);
        if (x->count + 3 >= cap) {
            cap = cap ? cap * 2 : 64;
            x->list = mem_realloc(x->list, (size_t)cap * sizeof(*x->list));
        }
        depth -= token_is_op(&t, ")");
        t.depth = depth;
        depth += token_is_op(&t, "(");
        x->list[x->count++] = t;
    } while (t.kind != TOKEN_END && x->count < MAX_TOKENS);
    x->list[x->count] = x->list[x->count + 1] = (struct token){.kind = TOKEN_END, .text = {"", 0}};
    return t.kind == TOKEN_END ? 0
                               : err_rule(err, ERR_POLICY, "sql.length", NULL,
                                          "a statement has at most %d words and signs", MAX_TOKENS);
}

/* A semicolon may end the statement; nothing may follow it. */
static int check_one(struct text *x, struct err *err)
{
    for (int i = 0; x->list[i].kind != TOKEN_END; i++) {
        if (token_is_op(&x->list[i], ";")) {
            if (x->list[i + 1].kind != TOKEN_END) {
                return refuse(err, "sql.many", &x->list[i + 1], "one statement at a time");
            }
            x->list[i] = x->list[i + 1];
            break;
        }
    }
    return x->list[0].kind == TOKEN_END ? err_rule(err, ERR_POLICY, "sql.empty", NULL, "there is no statement") : 0;
}

int guard_lint(struct slice sql, enum guard_use use, struct err *err)
{
    struct text x = {NULL, 0};
    int rv = 0;
    if (!utf8_valid(sql)) {
        return err_rule(err, ERR_POLICY, "sql.utf8", NULL, "a statement is UTF-8 text without NUL");
    }
    rv = cut(sql, &x, err);
    if (rv == 0) {
        rv = check_one(&x, err);
    }
    for (const struct token *t = x.list; rv == 0 && t->kind != TOKEN_END; t++) {
        rv = check_token(t, err);
        rv = rv == 0 ? check_phrase(t, err) : rv;
    }
    if (rv == 0) {
        rv = use == GUARD_MIGRATION ? check_migration(&x, err) : check_command(&x, err);
    }
    if (rv == 0) {
        rv = check_bounds(&x, err);
    }
    free(x.list);
    return rv;
}

size_t guard_statement(struct slice sql)
{
    struct slice rest = sql;
    bool blank = true;
    for (;;) {
        struct token t = token_next(&rest);
        if (t.kind == TOKEN_END) {
            return blank ? 0 : sql.len;
        }
        blank = false;
        if (token_is_op(&t, ";")) {
            return sql.len - rest.len;
        }
    }
}

/* -- whose table -- */

static bool own(const char *plugin, const char *table)
{
    size_t len = strlen(plugin);
    return len > 0 && strncasecmp(plugin, table, len) == 0 && table[len] == '_' && table[len + 1] != '\0';
}

bool guard_may_write(const char *plugin, const char *table)
{
    return own(plugin, table) && strcasecmp(plugin, "muster") != 0 && strcasecmp(plugin, "sqlite") != 0;
}

bool guard_may_read(const char *plugin, const char *table)
{
    return strcasecmp(table, "muster_unit") == 0 || guard_may_write(plugin, table);
}
