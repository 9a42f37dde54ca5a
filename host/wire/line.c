#include "wire/line.h"

#include "base/utf8.h"

#include <string.h>

/* Words are written unescaped into the message's scratch. An unescaped word is never longer than it was typed, so the
 * room reserved at the start suffices and the slices already handed out stay valid. Where redis-cli would guess (a
 * quote in the middle of a word), the line is refused. */

enum word_end { WORD_DONE, WORD_UNBALANCED, WORD_MISPLACED };

struct words {
    const char *p, *end;
    struct buf *out;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What the escape at p (behind the backslash) stands for; p moves behind it. Unknown ones stand for themselves. */
static char unescape(struct words *w)
{
    static const char names[] = "nrtba", values[] = "\n\r\t\b\a";
    char c = *w->p++;
    if (c == 'x' && w->end - w->p >= 2 && hex(w->p[0]) >= 0 && hex(w->p[1]) >= 0) {
        char byte = (char)(hex(w->p[0]) << 4 | hex(w->p[1]));
        w->p += 2;
        return byte;
    }
    const char *known = memchr(names, c, sizeof(names) - 1);
    return known ? values[known - names] : c;
}

/* Read behind the opening quote, up to and with the closing one. */
static enum word_end quoted(struct words *w, char quote)
{
    while (w->p < w->end) {
        char c = *w->p++;
        if (c == quote)
            return w->p == w->end || is_space(*w->p) ? WORD_DONE : WORD_MISPLACED;
        if (c == '\\' && w->p < w->end) {
            if (quote == '"')
                c = unescape(w);
            else if (*w->p == '\'')
                c = *w->p++;
        }
        buf_byte(w->out, c);
    }
    return WORD_UNBALANCED;
}

/* One word, at whose first byte p stands. */
static enum word_end word(struct words *w)
{
    bool may_quote = true, named = false;
    while (w->p < w->end && !is_space(*w->p)) {
        char c = *w->p++;
        if (c == '"' || c == '\'')
            return may_quote ? quoted(w, c) : WORD_MISPLACED;
        buf_byte(w->out, c);
        may_quote = c == '=' && !named;
        named = named || c == '=';
    }
    return WORD_DONE;
}

static enum word_end split(struct slice line, int max_args, struct message *m)
{
    message_clear(m);
    if (line.len == 0)
        return WORD_DONE;
    buf_reserve(&m->scratch, line.len);
    struct words w = {line.data, line.data + line.len, &m->scratch};
    for (;;) {
        while (w.p < w.end && is_space(*w.p))
            w.p++;
        if (w.p == w.end || m->nargs > max_args)
            return WORD_DONE;
        size_t start = m->scratch.len;
        enum word_end end = word(&w);
        if (end != WORD_DONE)
            return end;
        message_add(m, (struct slice){m->scratch.data + start, m->scratch.len - start});
    }
}

static int refuse(enum word_end end, int code, struct err *err)
{
    if (end == WORD_UNBALANCED)
        return err_rule(err, code, "line.quote", NULL, "unbalanced quotes; close the quote");
    return err_rule(err, code, "line.quote", NULL,
                    "a quote inside a word; quote the whole word or the whole value after name=, then a space");
}

int line_split(struct slice line, struct message *m, struct err *err)
{
    enum word_end end = split(line, INT32_MAX, m);
    return end == WORD_DONE ? 0 : refuse(end, ERR_ARG, err);
}

/* Control characters other than tab have no business in a typed line; a lone CR or ESC is somebody playing. */
static int check_bytes(struct slice line, struct err *err)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return err_rule(err, ERR_PROTO, "line.control", NULL,
                            "control character 0x%02x in a plain line; write it as \"\\x%02x\"", c, c);
    }
    return utf8_valid(line) ? 0 : err_rule(err, ERR_PROTO, "line.utf8", NULL, "a plain line must be UTF-8");
}

long line_parse(struct slice in, const struct wire_limits *limits, struct message *m, struct err *err)
{
    message_clear(m);
    const char *lf = in.len ? memchr(in.data, '\n', in.len) : NULL;
    struct slice line = {in.data, lf ? (size_t)(lf - in.data) : in.len};
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len > limits->line_bytes)
        return err_rule(err, ERR_TOOBIG, "proto.line_bytes", NULL,
                        "a line may have at most %zu bytes; send larger requests as RESP", limits->line_bytes);
    if (!lf)
        return 0;
    int rv = check_bytes(line, err);
    if (rv)
        return rv;
    enum word_end end = split(line, limits->args, m);
    if (end != WORD_DONE)
        return refuse(end, ERR_PROTO, err);
    if (m->nargs > limits->args)
        return err_rule(err, ERR_TOOBIG, "proto.args", NULL, "a request may have at most %d arguments", limits->args);
    if (m->scratch.len > limits->message_bytes)
        return err_rule(err, ERR_TOOBIG, "proto.message_bytes", NULL,
                        "a request may have at most %zu bytes in all arguments together", limits->message_bytes);
    return lf + 1 - in.data;
}
