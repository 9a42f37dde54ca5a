#include "wire/json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Quoting is by hand because jansson would build a value only to print it. Checking is jansson's, after a look at the
 * nesting: jansson allows 2048 levels, and a limit should hold before memory is spent. */

/* Bytes of `s` from `at` that may stand as they are. U+2028 and U+2029 end lines in older JavaScript: escaped too. */
static size_t plain_run(struct slice s, size_t at)
{
    size_t i = at;
    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        if (c == 0xE2 && s.len - i >= 3 && (unsigned char)s.data[i + 1] == 0x80 &&
            ((unsigned char)s.data[i + 2] & 0xFE) == 0xA8)
            break;
    }
    return i - at;
}

static int put_escape(struct slice s, size_t *at, struct buf *out)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    unsigned char c = (unsigned char)s.data[*at];
    if (c == 0xE2) {
        *at += 3;
        return buf_text(out, (unsigned char)s.data[*at - 1] == 0xA8 ? "\\u2028" : "\\u2029");
    }
    *at += 1;
    const char *known = memchr(from, c, sizeof(from) - 1);
    return known ? buf_fmt(out, "\\%c", to[known - from]) : buf_fmt(out, "\\u%04x", c);
}

int json_quote(struct slice text, struct buf *out)
{
    size_t start = out->len, at = 0;
    int rv = buf_byte(out, '"');
    while (rv == 0 && at < text.len) {
        size_t run = plain_run(text, at);
        if (run)
            rv = buf_append(out, text.data + at, run);
        else
            rv = put_escape(text, &at, out);
        at += run;
    }
    rv = rv ? rv : buf_byte(out, '"');
    if (rv)
        buf_truncate(out, start);
    return rv;
}

/* Brackets open at once, outside strings. What is not JSON at all gives some number; the parser will refuse it. */
static int deepest(struct slice text)
{
    int depth = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > most)
            most = depth;
        else if (!quoted && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return most;
}

int json_check(struct slice text, int depth, struct err *err)
{
    if (text.len == 0)
        return err_rule(err, ERR_ARG, "json.syntax", NULL, "empty, expected one JSON value");
    /* jansson takes a NUL between tokens for the end of the text, whatever follows. */
    const char *nul = memchr(text.data, '\0', text.len);
    if (nul)
        return err_rule(err, ERR_ARG, "json.syntax", NULL, "NUL character at byte %zu", (size_t)(nul - text.data));
    if (deepest(text) > depth)
        return err_rule(err, ERR_ARG, "json.depth", NULL, "JSON nested deeper than %d levels", depth);
    json_error_t at;
    json_t *parsed = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &at);
    if (!parsed)
        return err_rule(err, ERR_ARG, "json.syntax", NULL, "not JSON at line %d, column %d: %s", at.line, at.column,
                        at.text);
    json_decref(parsed);
    return 0;
}
