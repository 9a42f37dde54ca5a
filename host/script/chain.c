#include "script/chain.h"

#include <ctype.h>
#include <string.h>

/* Two things that make Lua's compiler, or what it compiled, go on for far too long.
 *
 * When an operation on a.x.y.z fails, Lua 5.4.4 looks for the name of what it failed on, one C call deeper for each link
 * (getobjname in ldebug.c), and for the name of each key besides. A chain of a hundred thousand links is a valid source,
 * and its error message overruns the C stack; so a source with a long one is refused before it is compiled.
 *
 * Links are counted the way the compiler makes them: `.name`, `:name` and `[key]` behind an expression add one, whatever
 * blanks, comments and lines lie between; a name at the beginning of an expression, and every operator, begins anew.
 * Brackets keep the count of what stands before them, and a key counts as deep as it is itself.
 *
 * Each `and` and `or` walks the list of jumps that those before it have left (luaK_concat in lcode.c), so the time for an
 * expression grows with the square of their number. They are counted from the last sign that ends an expression, for each
 * bracket by itself. */

struct count {
    int links, choices; /* of a.b.c; of `and` and `or` */
};

struct chains {
    struct slice s;
    size_t at;
    struct count now;
    int depth;
    struct count outer[CHAIN_MAX]; /* before each open bracket */
};

static char peek(const struct chains *c, size_t ahead)
{
    return c->at + ahead < c->s.len ? c->s.data[c->at + ahead] : '\0';
}

static void skip_until(struct chains *c, const char *end)
{
    const char *found = memmem(c->s.data + c->at, c->s.len - c->at, end, strlen(end));
    c->at = found ? (size_t)(found - c->s.data) + strlen(end) : c->s.len;
}

/* "[[", "[=[" … and all up to its end: true, or nothing when it is another bracket. */
static bool skip_long(struct chains *c)
{
    char end[80];
    size_t level = 0;
    while (peek(c, 1 + level) == '=' && level < sizeof(end) - 3)
        level++;
    if (peek(c, 0) != '[' || peek(c, 1 + level) != '[')
        return false;
    end[0] = ']';
    memset(end + 1, '=', level);
    strcpy(end + 1 + level, "]");
    c->at += level + 2;
    skip_until(c, end);
    return true;
}

static void skip_comment(struct chains *c)
{
    c->at += 2;
    if (!skip_long(c))
        skip_until(c, "\n");
}

static void skip_string(struct chains *c)
{
    const char quote = peek(c, 0);
    for (c->at++; c->at < c->s.len && peek(c, 0) != quote; c->at++)
        if (peek(c, 0) == '\\')
            c->at++;
    c->at++;
}

static bool in_name(char ch)
{
    return isalnum((unsigned char)ch) || ch == '_';
}

static void skip_number(struct chains *c)
{
    for (char before = '\0'; in_name(peek(c, 0)) || peek(c, 0) == '.' ||
                             ((peek(c, 0) == '-' || peek(c, 0) == '+') && strchr("eEpP", before) && before);
         c->at++)
        before = peek(c, 0);
}

static struct slice take_name(struct chains *c)
{
    const size_t from = c->at;
    while (in_name(peek(c, 0)))
        c->at++;
    return (struct slice){c->s.data + from, c->at - from};
}

static void skip_blanks(struct chains *c)
{
    for (;;) {
        while (c->at < c->s.len && isspace((unsigned char)peek(c, 0)))
            c->at++;
        if (peek(c, 0) != '-' || peek(c, 1) != '-')
            return;
        skip_comment(c);
    }
}

/* At '.' or ':': is it a link, or an operator? */
static void take_dot(struct chains *c)
{
    const char dot = peek(c, 0);
    c->at++;
    if (peek(c, 0) == dot) { /* "..", "...", "::" */
        while (peek(c, 0) == dot)
            c->at++;
        c->now.links = 0;
        return;
    }
    skip_blanks(c);
    take_name(c);
    c->now.links++;
}

/* A name where an expression or a statement begins, or a word of the language. */
static void take_word(struct chains *c)
{
    const struct slice word = take_name(c);
    if (slice_is(word, "and") || slice_is(word, "or")) {
        c->now.choices++;
        return;
    }
    static const char *const begins[] = {"local", "return", "if", "then",   "elseif", "else", "while",
                                         "do",    "for",    "in", "repeat", "until",  "goto", "break"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (slice_is(word, begins[i]))
            c->now.choices = 0;
}

static bool open_bracket(struct chains *c)
{
    if (c->depth == CHAIN_MAX)
        return false;
    c->outer[c->depth++] = c->now;
    c->now = (struct count){0};
    c->at++;
    return true;
}

static void close_bracket(struct chains *c, bool key)
{
    const struct count outer = c->depth > 0 ? c->outer[--c->depth] : (struct count){0};
    c->now.links = (c->now.links > outer.links ? c->now.links : outer.links) + key;
    c->now.choices = outer.choices;
    c->at++;
}

/* One token. False when brackets nest deeper than the compiler takes. */
static bool take(struct chains *c)
{
    const char ch = peek(c, 0);
    switch (ch) {
    case '"':
    case '\'':
        skip_string(c);
        return true;
    case '[':
        return skip_long(c) || open_bracket(c);
    case '(':
    case '{':
        return open_bracket(c);
    case ']':
    case ')':
        close_bracket(c, ch == ']');
        return true;
    case '}':
        close_bracket(c, false);
        c->now.links = 0;
        return true;
    case ':':
        take_dot(c);
        return true;
    case '.':
        if (isdigit((unsigned char)peek(c, 1)))
            skip_number(c);
        else
            take_dot(c);
        return true;
    default:
        c->now.links = 0; /* a name or number that begins something, or an operator */
        if (isdigit((unsigned char)ch)) {
            skip_number(c);
        } else if (in_name(ch)) {
            take_word(c);
        } else {
            const bool compares = strchr("=<>~", ch) && peek(c, 1) == '=';
            if (strchr("=,;", ch) && !compares)
                c->now.choices = 0;
            c->at += 1 + compares;
        }
        return true;
    }
}

enum chain chain_look(struct slice source)
{
    struct chains c = {.s = source};
    skip_blanks(&c);
    while (c.at < c.s.len && c.now.links <= CHAIN_MAX && c.now.choices <= CHOICES_MAX && take(&c))
        skip_blanks(&c);
    return c.now.links > CHAIN_MAX ? CHAIN_LINKS : c.now.choices > CHOICES_MAX ? CHAIN_CHOICES : CHAIN_FINE;
}
