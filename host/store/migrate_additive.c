/* May code that does not know of a migration work on the tables it leaves? */
#include "store/migrate.h"

#include <string.h>
#include <strings.h>

#include "store/guard.h"
#include "store/token.h"

/* New tables, new indexes and new columns are nothing to code that has never heard of them, with three exceptions that
 * would make its statements fail. A UNIQUE index on a table that was there refuses rows it may write; a reference to a
 * table that was there keeps it from deleting, unless the referring rows go or let go by themselves; and a CHECK of a
 * new column that looks at other columns judges what it writes. Those are additive only among tables made by the same
 * migration. It reads tokens: whether they are lawful SQL is seen when they run. */

#define MADE_MAX 100

/* The names of the tables that the migration makes. */
struct made {
    struct slice names[MADE_MAX];
    int count;
};

/* Without its quotes. */
static struct slice bare(const struct token *t)
{
    return t->kind == TOKEN_QUOTED ? (struct slice){t->text.data + 1, t->text.len - 2} : t->text;
}

static bool same(struct slice a, struct slice b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

static bool is_made(const struct made *made, struct slice name)
{
    for (int i = 0; i < made->count; i++) {
        if (same(made->names[i], name)) {
            return true;
        }
    }
    return false;
}

static struct token after_words(struct slice *rest, const char *const *words)
{
    struct token t = token_next(rest);
    for (int i = 0; words[i]; i++) {
        if (token_is(&t, words[i])) {
            t = token_next(rest);
        }
    }
    return t;
}

/* Behind REFERENCES: is the table a new one, or do the rows that refer to it follow when its own go? */
static bool reference_fits(struct slice rest, const struct made *made)
{
    struct token t = token_next(&rest);
    if (is_made(made, bare(&t))) {
        return true;
    }
    for (t = token_next(&rest); t.kind != TOKEN_END && !token_is_op(&t, ","); t = token_next(&rest)) {
        if (token_is(&t, "delete")) {
            t = token_next(&rest);
            return token_is(&t, "cascade") || (token_is(&t, "set") && (t = token_next(&rest), token_is(&t, "null")));
        }
        if (token_is(&t, "references")) {
            return false;
        }
    }
    return false;
}

static bool references_fit(struct slice rest, const struct made *made)
{
    for (struct token t = token_next(&rest); t.kind != TOKEN_END; t = token_next(&rest)) {
        if (token_is(&t, "references") && !reference_fits(rest, made)) {
            return false;
        }
    }
    return true;
}

/* Does the CHECK of an added column look at that column alone? */
static bool check_fits(struct slice rest, struct slice column)
{
    static const char *const others[] = {"and",   "or",    "not",  "in",   "is",       "null", "between", "like",
                                         "true",  "false", "case", "when", "then",     "else", "end",     "length",
                                         "lower", "upper", "trim", "abs",  "distinct", "from"};
    bool inside = false;
    int depth = 0;
    for (struct token t = token_next(&rest); t.kind != TOKEN_END; t = token_next(&rest)) {
        if (!inside) {
            inside = token_is(&t, "check");
            continue;
        }
        depth += token_is_op(&t, "(") - token_is_op(&t, ")");
        inside = depth > 0;
        bool fits = (t.kind != TOKEN_WORD && t.kind != TOKEN_QUOTED) || same(bare(&t), column);
        for (size_t i = 0; !fits && i < sizeof(others) / sizeof(others[0]); i++) {
            fits = token_is(&t, others[i]);
        }
        if (!fits) {
            return false;
        }
    }
    return true;
}

/* CREATE TABLE, CREATE [UNIQUE] INDEX … ON table */
static bool create_fits(struct slice rest, struct made *made)
{
    static const char *const if_not_exists[] = {"if", "not", "exists", NULL};
    struct token t = token_next(&rest);
    bool unique = token_is(&t, "unique");
    if (unique) {
        t = token_next(&rest);
    }
    if (token_is(&t, "table")) {
        t = after_words(&rest, if_not_exists);
        if (made->count == MADE_MAX) {
            return false;
        }
        made->names[made->count++] = bare(&t);
        return references_fit(rest, made);
    }
    if (!token_is(&t, "index")) {
        return false;
    }
    while (t.kind != TOKEN_END && !token_is(&t, "on")) {
        t = token_next(&rest);
    }
    t = token_next(&rest);
    return !unique || is_made(made, bare(&t));
}

/* ALTER TABLE name ADD [COLUMN] column … */
static bool alter_fits(struct slice rest, const struct made *made)
{
    static const char *const column_word[] = {"column", NULL};
    struct token table_word = token_next(&rest);
    struct token table = token_next(&rest);
    struct token add = token_next(&rest);
    if (!token_is(&table_word, "table") || !token_is(&add, "add")) {
        return false;
    }
    struct token column = after_words(&rest, column_word);
    return is_made(made, bare(&table)) || (references_fit(rest, made) && check_fits(rest, bare(&column)));
}

bool migration_additive(const struct migration *m)
{
    struct made made = {.count = 0};
    struct slice rest = m->sql;
    for (;;) {
        size_t len = guard_statement(rest);
        if (len == 0) {
            return true;
        }
        struct slice one = {rest.data, len};
        struct token first = token_next(&one);
        bool fits = token_is(&first, "create")  ? create_fits(one, &made)
                    : token_is(&first, "alter") ? alter_fits(one, &made)
                                                : token_is_op(&first, ";");
        if (!fits) {
            return false;
        }
        rest.data += len;
        rest.len -= len;
    }
}
