#include "store/token.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

/* Length of the comment at the start of `s`: 0 when there is none, SIZE_MAX when it does not end or holds another. */
static size_t comment(struct slice s)
{
    if (s.len >= 2 && s.data[0] == '-' && s.data[1] == '-') {
        const char *end = memchr(s.data, '\n', s.len);
        return end ? (size_t)(end - s.data) + 1 : s.len;
    }
    if (s.len < 2 || s.data[0] != '/' || s.data[1] != '*') {
        return 0;
    }
    for (size_t i = 2; i + 1 < s.len; i++) {
        if (s.data[i] == '*' && s.data[i + 1] == '/') {
            return i + 2;
        }
        if (s.data[i] == '/' && s.data[i + 1] == '*') {
            break;
        }
    }
    return SIZE_MAX;
}

static void skip(struct slice *s, size_t count)
{
    s->data += count;
    s->len -= count;
}

/* Length of a quoted run, a doubled quote being one inside; 0 when it does not end. */
static size_t quoted(struct slice s, char quote)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.data[i] != quote) {
            continue;
        }
        if (i + 1 == s.len || s.data[i + 1] != quote) {
            return i + 1;
        }
        i++;
    }
    return 0;
}

static size_t number(struct slice s)
{
    size_t i = 0;
    while (i < s.len && (is_word(s.data[i]) || s.data[i] == '.' ||
                         ((s.data[i] == '+' || s.data[i] == '-') && i > 0 && (s.data[i - 1] | 0x20) == 'e'))) {
        i++;
    }
    return i;
}

static size_t operator(struct slice s)
{
    static const char *const ops[] = {"->>", "->", "||", "==", "<>", "!=", "<=", ">=", "<<", ">>"};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        size_t len = strlen(ops[i]);
        if (s.len >= len && memcmp(s.data, ops[i], len) == 0) {
            return len;
        }
    }
    return s.data[0] && strchr("()+-*/%&|~<>=,.;", s.data[0]) ? 1 : 0;
}

static size_t run_of_word(struct slice s, size_t from)
{
    while (from < s.len && is_word(s.data[from])) {
        from++;
    }
    return from;
}

static size_t measure(struct slice s, enum token_kind *kind)
{
    const char c = s.data[0];
    if (is_word_start(c)) {
        *kind = TOKEN_WORD;
        return run_of_word(s, 0);
    }
    if (is_digit(c) || (c == '.' && s.len > 1 && is_digit(s.data[1]))) {
        *kind = TOKEN_NUMBER;
        return number(s);
    }
    if (c == '\'' || c == '"') {
        *kind = c == '"' ? TOKEN_QUOTED : TOKEN_STRING;
        return quoted(s, c);
    }
    if (c == '?' || c == ':' || c == '@' || c == '$') {
        *kind = TOKEN_PARAM;
        return run_of_word(s, 1);
    }
    *kind = TOKEN_OP;
    return operator(s);
}

struct token token_next(struct slice *rest)
{
    const char *begin = rest->data;
    size_t blank = 1;
    while (rest->len > 0 && blank > 0) {
        blank = is_blank(rest->data[0]) ? 1 : comment(*rest);
        if (blank == SIZE_MAX) {
            struct token bad = {TOKEN_BAD, *rest, 0, false};
            skip(rest, rest->len);
            return bad;
        }
        skip(rest, blank);
    }
    struct token t = {TOKEN_END, {rest->data, 0}, 0, rest->data == begin};
    if (rest->len == 0) {
        return t;
    }
    t.text.len = measure(*rest, &t.kind);
    if (t.text.len == 0) {
        t.kind = TOKEN_BAD;
        t.text.len = rest->data[0] == '\'' || rest->data[0] == '"' ? rest->len : 1;
    }
    skip(rest, t.text.len);
    return t;
}

bool token_is(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && strlen(word) == t->text.len && strncasecmp(t->text.data, word, t->text.len) == 0;
}

bool token_is_op(const struct token *t, const char *op)
{
    return t->kind == TOKEN_OP && slice_is(t->text, op);
}
