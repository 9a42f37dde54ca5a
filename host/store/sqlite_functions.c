/* Functions of SQL whose work grows with the product of two lengths in SQLite, written anew. */
#include <string.h>

#include "store/sqlite.h"

/* SQLite looks whether it was interrupted between two steps of its machine, not within a function. Its replace
 * compares the pattern at each byte, its trim each character with the whole set, its LIKE each place with the whole
 * pattern: with texts of a megabyte that is minutes. These here do the same (tests/unit/store_functions_test.c
 * compares), in linear time or with a look at the interrupts that came. Source: sqlite.org/lang_corefunc.html,
 * sqlite.org/lang_expr.html#like
 *
 * What is lost: SQLite uses an index for a LIKE with a constant beginning only if the function is its own. A range
 * (path >= ? AND path < ?) does that on every engine. */

#define TRIM_MOST 64
#define LOOK_EVERY 4096 /* steps of LIKE */

static bool interrupted(sqlite3_context *call)
{
    const struct sqlite *q = sqlite3_user_data(call);
    if (atomic_load_explicit(&q->interrupts, memory_order_relaxed) == 0) {
        return false;
    }
    sqlite3_result_error_code(call, SQLITE_INTERRUPT);
    return true;
}

static int limit(sqlite3_context *call, int which)
{
    return sqlite3_limit(sqlite3_context_db_handle(call), which, -1);
}

/* The bytes of a value as text; false for NULL (or no memory). */
static bool text_of(sqlite3_value *v, struct slice *out)
{
    out->data = (const char *)sqlite3_value_text(v);
    out->len = out->data ? (size_t)sqlite3_value_bytes(v) : 0;
    return out->data != NULL;
}

/* -- replace(text, old, new) -- */

static size_t find(struct slice text, size_t from, struct slice what)
{
    const char *at = memmem(text.data + from, text.len - from, what.data, what.len);
    return at ? (size_t)(at - text.data) : text.len;
}

static void put(char **to, const char *from, size_t len)
{
    memcpy(*to, from, len);
    *to += len;
}

static void replace(sqlite3_context *call, int nargs, sqlite3_value **args)
{
    struct slice text, old, new;
    (void)nargs;
    if (interrupted(call) || !text_of(args[0], &text) || !text_of(args[1], &old)) {
        return;
    }
    if (old.data[0] == '\0') {
        sqlite3_result_value(call, args[0]);
        return;
    }
    if (!text_of(args[2], &new)) {
        return;
    }
    size_t count = 0;
    for (size_t at = find(text, 0, old); at < text.len; at = find(text, at + old.len, old)) {
        count++;
    }
    const uint64_t size = text.len - count * old.len + (uint64_t)count * new.len;
    if (size > (uint64_t)limit(call, SQLITE_LIMIT_LENGTH)) {
        sqlite3_result_error_toobig(call);
        return;
    }
    char *made = sqlite3_malloc64(size + 1);
    if (!made) {
        sqlite3_result_error_nomem(call);
        return;
    }
    char *to = made;
    size_t from = 0;
    for (size_t at = find(text, 0, old); at < text.len; at = find(text, from, old)) {
        put(&to, text.data + from, at - from);
        put(&to, new.data, new.len);
        from = at + old.len;
    }
    put(&to, text.data + from, text.len - from);
    *to = '\0';
    sqlite3_result_text64(call, made, size, sqlite3_free, SQLITE_UTF8);
}

/* -- trim, ltrim, rtrim -- */

enum { LEFT = 1, RIGHT = 2 };

static size_t skip_character(const char *s)
{
    size_t n = 1;
    if ((unsigned char)s[0] >= 0xC0) {
        while (((unsigned char)s[n] & 0xC0) == 0x80) {
            n++;
        }
    }
    return n;
}

/* The characters to trim, up to a NUL. How many, or -1: too many. */
static int cut_set(const char *s, struct slice set[TRIM_MOST])
{
    int count = 0;
    while (*s) {
        if (count == TRIM_MOST) {
            return -1;
        }
        set[count] = (struct slice){s, skip_character(s)};
        s += set[count++].len;
    }
    return count;
}

/* Bytes of the one character of the set that `text` begins (or ends) with; 0: none. */
static size_t trimmed(struct slice text, const struct slice *set, int count, bool left)
{
    for (int i = 0; i < count; i++) {
        const size_t n = set[i].len;
        if (n <= text.len && memcmp(left ? text.data : text.data + text.len - n, set[i].data, n) == 0) {
            return n;
        }
    }
    return 0;
}

static void trim(sqlite3_context *call, sqlite3_value **args, int sides)
{
    struct slice text, characters, set[TRIM_MOST];
    if (interrupted(call) || !text_of(args[0], &text) || !text_of(args[1], &characters)) {
        return;
    }
    const int count = cut_set(characters.data, set);
    if (count < 0) {
        sqlite3_result_error(call, "trim, ltrim and rtrim take at most 64 characters to remove", -1);
        return;
    }
    size_t n;
    while (sides & LEFT && (n = trimmed(text, set, count, true)) > 0) {
        text.data += n;
        text.len -= n;
    }
    while (sides & RIGHT && (n = trimmed(text, set, count, false)) > 0) {
        text.len -= n;
    }
    sqlite3_result_text64(call, text.data, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void trim_both(sqlite3_context *call, int nargs, sqlite3_value **args)
{
    (void)nargs;
    trim(call, args, LEFT | RIGHT);
}

static void trim_left(sqlite3_context *call, int nargs, sqlite3_value **args)
{
    (void)nargs;
    trim(call, args, LEFT);
}

static void trim_right(sqlite3_context *call, int nargs, sqlite3_value **args)
{
    (void)nargs;
    trim(call, args, RIGHT);
}

/* -- LIKE -- */

/* One item of a pattern: a wildcard, or a character to be met. */
struct item {
    enum { ITEM_END, ITEM_ANY, ITEM_ONE, ITEM_CHARACTER, ITEM_BROKEN } kind;
    const char *character;
    size_t len; /* of the character */
    const char *next;
};

/* `escape` is NULL or one character, which may be a wildcard itself. */
static struct item item_at(const char *p, const char *escape, size_t escape_len)
{
    struct item item = {.kind = ITEM_CHARACTER, .character = p};
    if (*p == '\0') {
        item.kind = ITEM_END;
        return item;
    }
    if (escape && strncmp(p, escape, escape_len) == 0) {
        item.character = p + escape_len;
        item.kind = *item.character ? ITEM_CHARACTER : ITEM_BROKEN;
    } else if (*p == '%' || *p == '_') {
        item.kind = *p == '%' ? ITEM_ANY : ITEM_ONE;
    }
    item.len = item.kind == ITEM_BROKEN ? 0 : skip_character(item.character);
    item.next = item.character + item.len;
    return item;
}

/* Go on from the last % only: what an earlier one could take as well, that one can. 1, 0, or -1: interrupted. */
static int matches(sqlite3_context *call, const char *p, const char *text, const char *escape, size_t escape_len)
{
    const char *again = NULL, *from = NULL; /* behind the last %, and where in the text it was tried last */
    for (unsigned steps = 1;; steps++) {
        const struct item item = item_at(p, escape, escape_len);
        if (steps % LOOK_EVERY == 0 && interrupted(call)) {
            return -1;
        }
        if (item.kind == ITEM_ANY) {
            again = p = item.next;
            from = text;
        } else if (item.kind == ITEM_END && *text == '\0') {
            return 1;
        } else if (item.kind == ITEM_ONE && *text) {
            p = item.next;
            text += skip_character(text);
        } else if (item.kind == ITEM_CHARACTER && strncmp(text, item.character, item.len) == 0) {
            p = item.next;
            text += item.len;
        } else if (again && *from) {
            from += skip_character(from);
            text = from;
            p = again;
        } else {
            return 0;
        }
    }
}

static void like(sqlite3_context *call, int nargs, sqlite3_value **args)
{
    struct slice pattern, text, escape = {NULL, 0};
    if (interrupted(call)) {
        return;
    }
    if (sqlite3_value_type(args[0]) == SQLITE_BLOB || sqlite3_value_type(args[1]) == SQLITE_BLOB) {
        sqlite3_result_int(call, 0);
        return;
    }
    const bool some = text_of(args[0], &pattern);
    if (pattern.len > (size_t)limit(call, SQLITE_LIMIT_LIKE_PATTERN_LENGTH)) {
        sqlite3_result_error(call, "the pattern of a LIKE is too long", -1);
        return;
    }
    if (nargs == 3) {
        if (!text_of(args[2], &escape)) {
            return;
        }
        if (escape.len == 0 || skip_character(escape.data) != escape.len) {
            sqlite3_result_error(call, "ESCAPE takes one character", -1);
            return;
        }
    }
    if (some && text_of(args[1], &text)) {
        const int rv = matches(call, pattern.data, text.data, escape.data, escape.len);
        if (rv >= 0) {
            sqlite3_result_int(call, rv);
        }
    }
}

/* -- installing -- */

int sqlite_functions_install(struct sqlite *q)
{
    static const struct {
        const char *name;
        int nargs;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } list[] = {
        {"replace", 3, replace},  {"trim", 2, trim_both}, {"ltrim", 2, trim_left},
        {"rtrim", 2, trim_right}, {"like", 2, like},      {"like", 3, like},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && rc == SQLITE_OK; i++) {
        rc = sqlite3_create_function(q->db, list[i].name, list[i].nargs,
                                     SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, q, list[i].run, NULL, NULL);
    }
    return rc;
}
