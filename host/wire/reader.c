#include "wire/reader.h"

#include "base/utf8.h"
#include "wire/details.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything is built on one step, read_node: one scalar with its body, or the header of one container. A value is
 * measured with an array of "elements still to come" instead of recursion, so the depth a peer can reach is the size
 * of that array. Strict on purpose: numbers as the writer writes them, CR LF and nothing like it, no types that Muster
 * never sends (streamed values, big numbers). */

enum { DEPTH_MAX = 32, SCALAR_BYTES = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "<type>text\r\n": the text without type and end. Bytes consumed, 0 when incomplete, ERR_PROTO. */
static long read_line(struct slice in, struct slice *line)
{
    const char *cr = memchr(in.data, '\r', in.len);
    size_t end = cr ? (size_t)(cr - in.data) : in.len;
    if (memchr(in.data, '\n', end))
        return ERR_PROTO;
    if (in.len - end < 2)
        return 0;
    if (cr[1] != '\n')
        return ERR_PROTO;
    *line = (struct slice){in.data + 1, end - 1};
    return (long)end + 2;
}

/* As read_line, for scalars that are short: endless ones are refused before their end is seen. */
static long read_short(struct slice in, struct slice *line)
{
    long rv = read_line(in, line);
    if (rv == 0 && in.len > SCALAR_BYTES)
        return ERR_PROTO;
    return rv > SCALAR_BYTES ? ERR_PROTO : rv;
}

static int parse_int(struct slice text, int64_t *value)
{
    bool negative = text.len && text.data[0] == '-';
    size_t at = negative;
    if (at == text.len || text.len - at > 19 || (text.data[at] == '0' && (negative || text.len - at > 1)))
        return ERR_PROTO;
    uint64_t n = 0;
    for (; at < text.len; at++) {
        if (!is_digit(text.data[at]))
            return ERR_PROTO;
        n = n * 10 + (uint64_t)(text.data[at] - '0'); /* 19 digits fit */
    }
    if (n > (uint64_t)INT64_MAX + negative)
        return ERR_PROTO;
    *value = negative ? (int64_t)(0 - n) : (int64_t)n;
    return 0;
}

/* How many digits are at `at`. */
static size_t digits(struct slice text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && is_digit(text.data[at + n]))
        n++;
    return n;
}

/* The number grammar of JSON (RFC 8259, section 6). */
static bool is_number(struct slice text)
{
    size_t at = text.len && text.data[0] == '-';
    size_t n = digits(text, at);
    if (n == 0 || (n > 1 && text.data[at] == '0'))
        return false;
    at += n;
    if (at < text.len && text.data[at] == '.') {
        n = digits(text, ++at);
        if (n == 0)
            return false;
        at += n;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        at += at < text.len && (text.data[at] == '+' || text.data[at] == '-');
        n = digits(text, at);
        if (n == 0)
            return false;
        at += n;
    }
    return at == text.len;
}

static int parse_double(struct slice text, double *value)
{
    char copy[SCALAR_BYTES];
    if (!is_number(text) && !slice_is(text, "inf") && !slice_is(text, "-inf") && !slice_is(text, "nan"))
        return ERR_PROTO;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.len, text.data);
    *value = strtod(copy, NULL);
    return 0;
}

static long read_scalar(struct slice in, struct node *node)
{
    struct slice line;
    long rv = read_short(in, &line);
    if (rv <= 0)
        return rv;
    node->s = line;
    int bad = 0;
    switch (in.data[0]) {
    case '_':
        node->type = NODE_NULL;
        bad = line.len != 0;
        break;
    case '#':
        node->type = NODE_BOOL;
        node->i = slice_is(line, "t");
        bad = !node->i && !slice_is(line, "f");
        break;
    case ':':
        node->type = NODE_INT;
        bad = parse_int(line, &node->i);
        break;
    default:
        node->type = NODE_DOUBLE;
        bad = parse_double(line, &node->d);
    }
    return bad ? ERR_PROTO : rv;
}

/* "<type>count\r\n"; -1 is allowed where RESP2 writes a null so. */
static long read_count(struct slice in, int64_t *count)
{
    struct slice line;
    long rv = read_short(in, &line);
    if (rv <= 0)
        return rv;
    if (parse_int(line, count) || *count > INT_MAX)
        return ERR_PROTO;
    bool null_form = *count == -1 && (in.data[0] == '$' || in.data[0] == '*');
    return *count < 0 && !null_form ? ERR_PROTO : rv;
}

static long read_bulk(struct slice in, struct node *node)
{
    int64_t len;
    long rv = read_count(in, &len);
    if (rv <= 0)
        return rv;
    node->type = len < 0 ? NODE_NULL : NODE_TEXT;
    if (len < 0)
        return rv;
    size_t at = (size_t)rv, have = in.len - at;
    node->s = (struct slice){in.data + at, (size_t)len};
    if (have > (size_t)len && in.data[at + (size_t)len] != '\r')
        return ERR_PROTO;
    if (have < (size_t)len + 2)
        return 0;
    if (in.data[at + (size_t)len + 1] != '\n')
        return ERR_PROTO;
    return rv + (long)len + 2;
}

/* "=15\r\ntxt:Some string\r\n": three letters of format, a colon, the bytes. */
static long read_verbatim(struct slice in, struct node *node)
{
    long rv = read_bulk(in, node);
    if (rv <= 0)
        return rv;
    if (node->s.len < 4 || node->s.data[3] != ':')
        return ERR_PROTO;
    node->type = memcmp(node->s.data, "txt", 3) == 0 ? NODE_TEXT : NODE_BLOB;
    node->s = (struct slice){node->s.data + 4, node->s.len - 4};
    return rv;
}

static long read_container(struct slice in, enum node_type type, struct node *node)
{
    long rv = read_count(in, &node->count);
    node->type = rv > 0 && node->count < 0 ? NODE_NULL : type;
    if (node->count < 0)
        node->count = 0;
    return rv;
}

/* One scalar with its body, or one container's header. Bytes consumed, 0 when incomplete, ERR_PROTO. */
static long read_node(struct slice in, struct node *node)
{
    *node = (struct node){0};
    if (in.len == 0)
        return 0;
    long rv;
    switch (in.data[0]) {
    case '+':
    case '-':
        node->type = in.data[0] == '+' ? NODE_STATUS : NODE_ERROR;
        return read_line(in, &node->s);
    case '$':
        return read_bulk(in, node);
    case '!':
        rv = read_bulk(in, node);
        node->type = NODE_ERROR;
        return rv;
    case '=':
        return read_verbatim(in, node);
    case '_':
    case '#':
    case ':':
    case ',':
        return read_scalar(in, node);
    case '*':
        return read_container(in, NODE_ARRAY, node);
    case '%':
        return read_container(in, NODE_MAP, node);
    case '~':
        return read_container(in, NODE_SET, node);
    case '>':
        return read_container(in, NODE_PUSH, node);
    case '|':
        return read_container(in, NODE_ATTRIBUTE, node);
    default:
        return ERR_PROTO;
    }
}

static bool is_container(const struct node *node)
{
    return node->type >= NODE_ARRAY;
}

/* How many values follow the header of a container and belong to it. */
static int64_t children(const struct node *node)
{
    bool pairs = node->type == NODE_MAP || node->type == NODE_ATTRIBUTE;
    return is_container(node) ? node->count * (pairs ? 2 : 1) : 0;
}

long reader_measure(struct slice in)
{
    int64_t left[DEPTH_MAX + 1] = {1};
    int depth = 0;
    size_t at = 0;
    if (in.len == 0)
        return 0;
    for (;;) {
        struct node node;
        long rv = read_node((struct slice){in.data + at, in.len - at}, &node);
        if (rv <= 0)
            return rv;
        at += (size_t)rv;
        if (is_container(&node) && depth == DEPTH_MAX)
            return ERR_TOOBIG;
        /* An attribute is not an element itself: the value it belongs to still comes, beside it. */
        left[depth] -= node.type != NODE_ATTRIBUTE;
        if (children(&node) > 0)
            left[++depth] = children(&node);
        for (; left[depth] == 0; depth--) {
            if (depth == 0)
                return (long)at;
        }
    }
}

static struct slice after(struct slice s, long bytes)
{
    return (struct slice){s.data + bytes, s.len - (size_t)bytes};
}

int reader_next(struct reader *r, struct node *node)
{
    long rv = read_node(r->rest, node);
    if (rv <= 0)
        return (int)rv;
    r->rest = after(r->rest, rv);
    return 1;
}

int reader_next_canonical(struct reader *r, struct node *node)
{
    struct slice before = r->rest;
    int rv = reader_next(r, node);
    if (rv != 1)
        return rv;
    switch (before.data[0]) {
    case '!':
    case '~':
    case '>':
        return ERR_PROTO;
    case '$':
    case '*':
        return node->type == NODE_NULL ? ERR_PROTO : 1;
    case '=':
        return memcmp(node->s.data - 4, "bin", 3) == 0 ? 1 : ERR_PROTO;
    default:
        return 1;
    }
}

int reader_skip(struct reader *r)
{
    long rv = reader_measure(r->rest);
    if (rv <= 0)
        return ERR_PROTO;
    r->rest = after(r->rest, rv);
    return 0;
}

/* Jump over one whole value and give its first node. */
static int peek_and_skip(struct reader *r, struct node *node)
{
    struct reader peek = *r;
    return reader_next(&peek, node) == 1 ? reader_skip(r) : ERR_PROTO;
}

typedef void on_pair(struct slice key, const struct node *value, void *arg);

/* Move the reader behind the attribute in front, if there is one; each pair goes to `pair`. 0 or ERR_PROTO. */
static int walk_attribute(struct reader *r, on_pair *pair, void *arg)
{
    while (r->rest.len && r->rest.data[0] == '|') {
        struct node node;
        if (reader_next(r, &node) != 1)
            return ERR_PROTO;
        for (int64_t i = 0; i < node.count; i++) {
            struct node key, value;
            if (peek_and_skip(r, &key) || peek_and_skip(r, &value))
                return ERR_PROTO;
            if (pair && key.type == NODE_TEXT)
                pair(key.s, &value, arg);
        }
    }
    return 0;
}

struct slice reader_strip(struct slice reply)
{
    struct reader r = {reply};
    return walk_attribute(&r, NULL, NULL) == 0 ? r.rest : (struct slice){0};
}

static void copy(char *out, size_t size, struct slice s)
{
    size_t n = utf8_cut(s, size - 1);
    memcpy(out, s.data, n);
    out[n] = '\0';
}

static void note_detail(struct slice key, const struct node *value, void *arg)
{
    struct err *err = arg;
    if (value->type != NODE_TEXT)
        return;
    if (slice_is(key, "rule"))
        copy(err->rule, sizeof(err->rule), value->s);
    else if (slice_is(key, "arg"))
        copy(err->arg, sizeof(err->arg), value->s);
    else if (slice_is(key, "state"))
        copy(err->state, sizeof(err->state), value->s);
    else if (slice_is(key, "allowed"))
        copy(err->allowed, sizeof(err->allowed), value->s);
}

bool reader_error(struct slice reply, struct err *err)
{
    struct err found = {0};
    struct reader r = {reply};
    struct node node;
    if (walk_attribute(&r, note_detail, &found) || reader_next(&r, &node) != 1 || node.type != NODE_ERROR)
        return false;
    bool rendered = reply.data[0] != '|'; /* rule and details, if any, stand in the line only */
    if (rendered)
        details_take(&node.s, &found);
    const char *space = memchr(node.s.data, ' ', node.s.len);
    size_t token = space ? (size_t)(space - node.s.data) : node.s.len;
    found.code = err_from_token(node.s.data, token);
    struct slice text = after(node.s, (long)(space ? token + 1 : token));
    if (found.code == ERR_INTERNAL && !slice_is((struct slice){node.s.data, token}, err_token(ERR_INTERNAL)))
        text = node.s; /* not one of our words: keep it for people to read */
    size_t rule = strlen(found.rule);
    if (rendered && text.len > 0 && text.data[0] == ' ' && details_like_rule(text)) {
        text = after(text, 1); /* it only looks like one */
    } else if (rendered) {
        rule = details_rule(text);
        copy(found.rule, sizeof(found.rule), (struct slice){text.data, rule});
    }
    if (rule && text.len >= rule + 2 && memcmp(text.data, found.rule, rule) == 0 && text.data[rule] == ':')
        text = after(text, (long)rule + 2);
    copy(found.text, sizeof(found.text), text);
    *err = found;
    return true;
}

static void note_replayed(struct slice key, const struct node *value, void *arg)
{
    if (slice_is(key, "replayed") && value->type == NODE_BOOL && value->i)
        *(bool *)arg = true;
}

bool reader_is_replayed(struct slice reply)
{
    bool replayed = false;
    struct reader r = {reply};
    struct node root, key = {0}, value = {0};
    if (walk_attribute(&r, note_replayed, &replayed) || replayed)
        return replayed;
    if (reader_next(&r, &root) != 1 || (root.type != NODE_MAP && root.type != NODE_ARRAY) || children(&root) % 2)
        return false;
    /* As rendered it is the last pair: `replayed`, true (RESP3) or 1 (RESP2, where a map is an array). */
    for (int64_t i = children(&root); i > 2; i--) {
        if (reader_skip(&r))
            return false;
    }
    if (children(&root) == 0 || reader_next(&r, &key) != 1 || reader_next(&r, &value) != 1)
        return false;
    enum node_type truth = root.type == NODE_MAP ? NODE_BOOL : NODE_INT;
    return key.type == NODE_TEXT && slice_is(key.s, "replayed") && value.type == truth && value.i == 1;
}
