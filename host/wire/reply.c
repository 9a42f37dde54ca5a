#include "wire/reply.h"

#include "base/utf8.h"
#include "wire/details.h"
#include "wire/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RESP3 says how many elements a container has before the elements come, but a plugin that streams rows does not know
 * yet. So opening writes the header for a count of one digit, `*0`, and closing puts the digit in: most containers are
 * rows with few columns and cost nothing more. A longer count moves the container's bytes once by the missing digits;
 * for a list of rows that is one memmove of the list, not one per row. Counting first, or a second buffer per level,
 * would cost every reply. Whoever reads the bytes later (renderings, stored replies, invoke) sees ordinary counts. */

static void fail(struct reply *r, int code)
{
    if (r->code == 0)
        r->code = code;
}

void reply_begin(struct reply *r, struct buf *out, size_t max_bytes)
{
    r->out = out;
    r->start = out->len;
    r->max_bytes = max_bytes;
    r->code = 0;
    r->depth = 0;
}

void reply_restart(struct reply *r)
{
    buf_truncate(r->out, r->start);
    r->code = 0;
    r->depth = 0;
}

int reply_finish(struct reply *r)
{
    if (r->depth != 0 || r->out->len == r->start)
        fail(r, ERR_INTERNAL);
    if (r->code)
        buf_truncate(r->out, r->start);
    return r->code;
}

static void put(struct reply *r, const void *data, size_t len)
{
    if (r->code)
        return;
    size_t written = r->out->len - r->start;
    if (r->max_bytes && (written > r->max_bytes || len > r->max_bytes - written))
        fail(r, ERR_TOOBIG);
    else
        fail(r, buf_append(r->out, data, len));
}

/* Begin one value where one is expected: alone at the top, and text where a map wants a key. */
static bool element(struct reply *r, bool text)
{
    if (r->code)
        return false;
    if (r->depth == 0) {
        if (r->out->len != r->start)
            fail(r, ERR_INTERNAL);
    } else {
        bool key = r->open[r->depth - 1].map && r->open[r->depth - 1].count % 2 == 0;
        if (key && !text)
            fail(r, ERR_INTERNAL);
        r->open[r->depth - 1].count++;
    }
    return r->code == 0;
}

/* "<type><number>\r\n" */
static void put_number(struct reply *r, char type, int64_t number)
{
    char line[24];
    struct buf digits = {.data = line + 1, .cap = sizeof(line) - 1, .max = sizeof(line) - 3};
    line[0] = type;
    buf_int(&digits, number);
    memcpy(line + 1 + digits.len, "\r\n", 2);
    put(r, line, digits.len + 3);
}

void reply_null(struct reply *r)
{
    if (element(r, false))
        put(r, "_\r\n", 3);
}

void reply_bool(struct reply *r, bool b)
{
    if (element(r, false))
        put(r, b ? "#t\r\n" : "#f\r\n", 4);
}

void reply_int(struct reply *r, int64_t i)
{
    if (element(r, false))
        put_number(r, ':', i);
}

void reply_double(struct reply *r, double d)
{
    if (!element(r, false))
        return;
    char text[40];
    if (isnan(d)) {
        snprintf(text, sizeof(text), "nan");
    } else if (isinf(d)) {
        snprintf(text, sizeof(text), d < 0 ? "-inf" : "inf");
    } else {
        /* Of the lengths that can be needed, the first that reads back the same. */
        for (int precision = 15; precision <= 17; precision++) {
            snprintf(text, sizeof(text), "%.*g", precision, d);
            if (strtod(text, NULL) == d)
                break;
        }
    }
    put(r, ",", 1);
    put(r, text, strlen(text));
    put(r, "\r\n", 2);
}

void reply_text(struct reply *r, struct slice s)
{
    if (!element(r, true))
        return;
    put_number(r, '$', (int64_t)s.len);
    put(r, s.data, s.len);
    put(r, "\r\n", 2);
}

void reply_cstr(struct reply *r, const char *text)
{
    if (text)
        reply_text(r, slice_of(text));
    else
        reply_null(r);
}

void reply_blob(struct reply *r, struct slice s)
{
    if (!element(r, false))
        return;
    put_number(r, '=', (int64_t)s.len + 4);
    put(r, "bin:", 4);
    put(r, s.data, s.len);
    put(r, "\r\n", 2);
}

void reply_status(struct reply *r, const char *word)
{
    for (const char *p = word; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            fail(r, ERR_INTERNAL);
    }
    if (!element(r, false))
        return;
    put(r, "+", 1);
    put(r, word, strlen(word));
    put(r, "\r\n", 2);
}

void reply_value(struct reply *r, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        reply_null(r);
        break;
    case VALUE_INT:
        reply_int(r, v->i);
        break;
    case VALUE_DOUBLE:
        reply_double(r, v->d);
        break;
    case VALUE_BOOL:
        reply_bool(r, v->i != 0);
        break;
    case VALUE_TEXT:
    case VALUE_JSON:
        reply_text(r, v->s);
        break;
    case VALUE_BLOB:
        reply_blob(r, v->s);
        break;
    }
}

static void open_container(struct reply *r, bool map)
{
    if (!element(r, false))
        return;
    if (r->depth == REPLY_DEPTH_MAX) {
        fail(r, ERR_INTERNAL);
        return;
    }
    put(r, map ? "%0\r\n" : "*0\r\n", 4);
    r->open[r->depth].at = r->out->len;
    r->open[r->depth].count = 0;
    r->open[r->depth].map = map;
    r->depth++;
}

void reply_array_open(struct reply *r)
{
    open_container(r, false);
}

void reply_map_open(struct reply *r)
{
    open_container(r, true);
}

/* Write `count` into the header that ends at `at`, where now a count of one digit stands. */
static void patch_count(struct reply *r, size_t at, int64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld\r\n", (long long)count);
    size_t more = (size_t)len - 3, content = r->out->len - at;
    put(r, digits, more); /* room at the end, checked against the limits; overwritten at once */
    if (r->code)
        return;
    char *start = r->out->data + at;
    if (more)
        memmove(start + more, start, content);
    memcpy(start - 3, digits, (size_t)len);
}

void reply_close(struct reply *r)
{
    if (r->code)
        return;
    if (r->depth == 0 || (r->open[r->depth - 1].map && r->open[r->depth - 1].count % 2)) {
        fail(r, ERR_INTERNAL);
        return;
    }
    r->depth--;
    int64_t count = r->open[r->depth].count;
    patch_count(r, r->open[r->depth].at, r->open[r->depth].map ? count / 2 : count);
}

void reply_key(struct reply *r, const char *key)
{
    if (r->depth == 0 || !r->open[r->depth - 1].map || r->open[r->depth - 1].count % 2)
        fail(r, ERR_INTERNAL);
    reply_text(r, slice_of(key));
}

void reply_key_int(struct reply *r, const char *key, int64_t i)
{
    reply_key(r, key);
    reply_int(r, i);
}

void reply_key_bool(struct reply *r, const char *key, bool b)
{
    reply_key(r, key);
    reply_bool(r, b);
}

void reply_key_cstr(struct reply *r, const char *key, const char *text)
{
    reply_key(r, key);
    reply_cstr(r, text);
}

/* Read one canonical value that opens at most `depth` levels. A status or an error is no value: inside a reply it would
 * tell the client something that the connection did not say. */
static bool check(struct reader *rd, int depth)
{
    struct node node;
    if (reader_next_canonical(rd, &node) != 1 || node.type == NODE_ATTRIBUTE || node.type == NODE_STATUS ||
        node.type == NODE_ERROR)
        return false;
    if (node.type < NODE_ARRAY)
        return true;
    for (int64_t i = 0; depth > 0 && i < node.count; i++) {
        if (node.type == NODE_MAP && (rd->rest.len == 0 || rd->rest.data[0] != '$' || !check(rd, depth - 1)))
            return false;
        if (!check(rd, depth - 1))
            return false;
    }
    return depth > 0;
}

void reply_raw(struct reply *r, struct slice bytes)
{
    struct reader rd = {bytes};
    if (!check(&rd, REPLY_DEPTH_MAX - r->depth) || rd.rest.len)
        fail(r, ERR_INTERNAL);
    else if (element(r, bytes.data[0] == '$'))
        put(r, bytes.data, bytes.len);
}

/* Bytes of the character at the start of `s`, or 0 when it is not UTF-8. */
static size_t char_bytes(struct slice s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (utf8_valid((struct slice){s.data, n}))
            return n;
    }
    return 0;
}

/* Copy `text` so that it may stand in an error line: no control characters (C0, DEL, C1), always UTF-8. */
static void clean(char *out, const char *text)
{
    struct slice s = slice_of(text);
    while (s.len) {
        size_t n = char_bytes(s);
        unsigned char first = (unsigned char)s.data[0];
        bool control = first < 0x20 || first == 0x7F || (n == 2 && first == 0xC2 && (unsigned char)s.data[1] < 0xA0);
        if (n == 0 || control) {
            *out++ = n ? ' ' : '?';
            n = n ? n : 1;
        } else {
            memcpy(out, s.data, n);
            out += n;
        }
        s = (struct slice){s.data + n, s.len - n};
    }
    *out = '\0';
}

/* One text of the attribute; nothing when it is empty. */
static int put_detail(struct buf *out, const char *key, const char *text)
{
    if (text[0] == '\0')
        return 0;
    return buf_fmt(out, "$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(key), key, strlen(text), text);
}

/* Would its line alone be read as if it had a rule, or details? */
static bool is_misread(int code, const char *text)
{
    char line[sizeof(((struct err *)0)->text) + 16];
    snprintf(line, sizeof(line), "%s %s", err_token(code), text);
    struct slice s = slice_of(line);
    return details_take(&s, NULL) || details_like_rule(slice_of(text));
}

void reply_error(struct buf *out, const struct err *err)
{
    struct err e;
    clean(e.rule, err->rule);
    clean(e.arg, err->arg);
    clean(e.state, err->state);
    clean(e.allowed, err->allowed);
    clean(e.text, err->text);
    bool retry = err_retryable(err->code);
    int details = (e.rule[0] != 0) + (e.arg[0] != 0) + (e.state[0] != 0) + (e.allowed[0] != 0) + retry;
    size_t start = out->len;
    int rv = details ? buf_fmt(out, "|%d\r\n", details) : 0;
    if (!details && is_misread(err->code, e.text))
        rv = buf_text(out, "|0\r\n"); /* with an attribute, however empty, the line is taken at its word */
    rv = rv ? rv : put_detail(out, "rule", e.rule);
    rv = rv ? rv : put_detail(out, "arg", e.arg);
    rv = rv ? rv : put_detail(out, "state", e.state);
    rv = rv ? rv : put_detail(out, "allowed", e.allowed);
    if (rv == 0 && retry)
        rv = buf_text(out, "$5\r\nretry\r\n#t\r\n");
    if (rv == 0)
        rv = buf_fmt(out, "-%s %s%s%s\r\n", err_token(err->code), e.rule, e.rule[0] ? ": " : "", e.text);
    if (rv)
        buf_truncate(out, start);
}

void reply_replayed(struct buf *out, struct slice canonical)
{
    struct reader r = {canonical};
    struct node node;
    int64_t pairs = 0;
    size_t start = out->len;
    int rv = 0;
    if (reader_is_replayed(canonical) && canonical.data[0] == '|')
        rv = buf_slice(out, canonical);
    else {
        /* There is at most one attribute, so an error's details and the mark share it. */
        if (reader_next(&r, &node) == 1 && node.type == NODE_ATTRIBUTE)
            pairs = node.count;
        else
            r.rest = canonical;
        rv = buf_fmt(out, "|%lld\r\n$8\r\nreplayed\r\n#t\r\n", (long long)pairs + 1);
        rv = rv ? rv : buf_slice(out, r.rest);
    }
    if (rv)
        buf_truncate(out, start);
}
