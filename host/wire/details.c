#include "wire/details.h"

#include "base/utf8.h"

#include <string.h>

/* Reading works on a copy of the error: only when everything up to the closing bracket has the one form that details_put
 * writes (keys in order, none twice, none empty, no other escapes) is it taken. A foreign server's text that ends in a
 * bracket so stays text. */

static const char escaped[] = "%[];";

static const struct {
    const char *key;
    size_t at, size; /* of the field in struct err */
} details[] = {
    {"arg", offsetof(struct err, arg), sizeof(((struct err *)0)->arg)},
    {"state", offsetof(struct err, state), sizeof(((struct err *)0)->state)},
    {"allowed", offsetof(struct err, allowed), sizeof(((struct err *)0)->allowed)},
};

enum { DETAILS = sizeof(details) / sizeof(details[0]) };

static int put_value(struct buf *out, const char *text)
{
    int rv = 0;
    for (; rv == 0 && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (strchr(escaped, *text))
            rv = buf_fmt(out, "%%%02X", (unsigned)c);
        else
            rv = buf_byte(out, c < 0x20 || c == 0x7F ? ' ' : *text);
    }
    return rv;
}

int details_put(struct buf *out, struct slice line, const struct err *err)
{
    int rv = 0, written = 0;
    for (int i = 0; rv == 0 && i < DETAILS; i++) {
        const char *text = (const char *)err + details[i].at;
        if (text[0] == '\0')
            continue;
        rv = buf_fmt(out, "%s%s=", written++ ? "; " : " [", details[i].key);
        rv = rv ? rv : put_value(out, text);
    }
    if (rv == 0 && written)
        rv = buf_byte(out, ']');
    else if (rv == 0 && details_take(&line, NULL))
        rv = buf_text(out, " []");
    return rv;
}

/* The character that "%5B" and the like stand for, or 0. */
static char unescape(struct slice s)
{
    for (const char *c = escaped; s.len >= 3 && *c; c++) {
        char code[4] = {'%', "0123456789ABCDEF"[*c >> 4], "0123456789ABCDEF"[*c & 15], '\0'};
        if (memcmp(s.data, code, 3) == 0)
            return *c;
    }
    return 0;
}

/* Read one value into `field`, cut at its size. False when it is empty or not as put_value writes it. */
static bool take_value(struct slice s, char *field, size_t size)
{
    struct buf text = {0};
    bool good = s.len > 0;
    for (size_t at = 0; good && at < s.len;) {
        unsigned char c = (unsigned char)s.data[at];
        char plain = unescape((struct slice){s.data + at, s.len - at});
        good = plain || (c >= 0x20 && c != 0x7F && !strchr(escaped, (char)c));
        buf_byte(&text, plain ? plain : (char)c);
        at += plain ? 3 : 1;
    }
    if (good) {
        size_t len = utf8_cut(buf_view(&text), size - 1);
        memcpy(field, text.data, len);
        field[len] = '\0';
    }
    buf_close(&text);
    return good;
}

/* Read "arg=a; state=s": what stands between the brackets. */
static bool take_all(struct slice s, struct err *err)
{
    for (int i = 0; s.len && i < DETAILS; i++) {
        size_t key = strlen(details[i].key);
        if (s.len <= key || memcmp(s.data, details[i].key, key) != 0 || s.data[key] != '=')
            continue;
        const char *value = s.data + key + 1, *end = memchr(s.data, ';', s.len);
        size_t len = end ? (size_t)(end - value) : s.len - key - 1;
        if (!take_value((struct slice){value, len}, (char *)err + details[i].at, details[i].size))
            return false;
        size_t step = end ? (size_t)(end - s.data) + 2 : s.len;
        /* After "; " something must follow. */
        if (step > s.len || (end && (end[1] != ' ' || step == s.len)))
            return false;
        s = (struct slice){s.data + step, s.len - step};
    }
    return s.len == 0;
}

bool details_take(struct slice *line, struct err *err)
{
    struct err found = {0};
    if (line->len < 3 || line->data[line->len - 1] != ']')
        return false;
    const char *open = memrchr(line->data, '[', line->len);
    if (!open || open == line->data || open[-1] != ' ')
        return false;
    size_t before = (size_t)(open - line->data) - 1;
    if (!take_all((struct slice){open + 1, line->len - before - 3}, &found))
        return false;
    line->len = before;
    for (int i = 0; err && i < DETAILS; i++)
        memcpy((char *)err + details[i].at, (char *)&found + details[i].at, details[i].size);
    return true;
}

size_t details_rule(struct slice text)
{
    size_t n = 0;
    while (n < text.len && ((text.data[n] >= 'a' && text.data[n] <= 'z') ||
                            (text.data[n] >= '0' && text.data[n] <= '9') || text.data[n] == '.' || text.data[n] == '_'))
        n++;
    bool whole = n < sizeof(((struct err *)0)->rule) && n + 1 < text.len;
    return whole && text.data[n] == ':' && text.data[n + 1] == ' ' ? n : 0;
}

bool details_like_rule(struct slice text)
{
    size_t blanks = 0;
    while (blanks < text.len && text.data[blanks] == ' ')
        blanks++;
    return details_rule((struct slice){text.data + blanks, text.len - blanks}) > 0;
}
