#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* utf8proc_iterate refuses overlongs, surrogates and anything above U+10FFFF. Most of what passes here is ASCII, so
 * eight bytes at a time are tried first. */

/* Eight bytes that are all 0x01..0x7F? */
static bool plain8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    /* For bytes below 0x80, adding 0x7F sets the high bit unless the byte is NUL, without a carry into the next one.
     * */
    const uint64_t high = 0x8080808080808080u;
    return (w & high) == 0 && ((w + ~high) & high) == high;
}

static size_t plain_prefix(struct slice s)
{
    size_t at = 0;
    while (s.len - at >= 8 && plain8(s.data + at))
        at += 8;
    return at;
}

static utf8proc_ssize_t next(struct slice s, size_t at, utf8proc_int32_t *point)
{
    return utf8proc_iterate((const utf8proc_uint8_t *)s.data + at, (utf8proc_ssize_t)(s.len - at), point);
}

bool utf8_valid(struct slice s)
{
    size_t at = 0;
    while (at < s.len) {
        if (s.len - at >= 8 && plain8(s.data + at)) {
            at += 8;
            continue;
        }
        utf8proc_int32_t point;
        utf8proc_ssize_t n = next(s, at, &point);
        if (n <= 0 || point == 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

size_t utf8_count(struct slice s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.data[i] & 0xC0) != 0x80;
    return count;
}

size_t utf8_cut(struct slice s, size_t bytes)
{
    if (bytes >= s.len)
        return s.len;
    while (bytes > 0 && ((unsigned char)s.data[bytes] & 0xC0) == 0x80)
        bytes--;
    return bytes;
}

size_t utf8_width(struct slice s)
{
    size_t width = 0;
    for (size_t at = 0; at < s.len;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = next(s, at, &point);
        if (n <= 0) { /* not UTF-8: a terminal shows one replacement character */
            n = 1;
            width++;
        } else {
            width += (size_t)utf8proc_charwidth(point);
        }
        at += (size_t)n;
    }
    return width;
}

/* utf8proc puts the combining marks of one letter in order by exchanging neighbours, so a row of them takes the square
 * of its length: 40 KB of marks a second, and nothing can interrupt it. */
enum { NFC_MIB = 1, NFC_MARKS = 30 };

static int check_marks(struct slice s, struct err *err)
{
    int marks = 0;
    for (size_t at = 0; at < s.len;) {
        utf8proc_int32_t point;
        const utf8proc_ssize_t n = next(s, at, &point);
        if (n <= 0 || point == 0)
            return err_rule(err, ERR_ARG, "text.utf8", NULL, "the text is not UTF-8 without NUL");
        marks = point >= 0x300 && utf8proc_get_property(point)->combining_class != 0 ? marks + 1 : 0;
        if (marks > NFC_MARKS)
            return err_rule(err, ERR_ARG, "text.marks", NULL,
                            "the text has more than %d combining marks in a row: take some away", NFC_MARKS);
        at += (size_t)n;
    }
    return 0;
}

static int too_long(struct err *err, size_t most)
{
    return err_rule(err, ERR_TOOBIG, "text.size", NULL, "the text has more than %zu bytes: normalise it in pieces",
                    most);
}

int utf8_nfc(struct slice s, struct buf *out, struct err *err)
{
    const size_t most = (size_t)NFC_MIB * 1024 * 1024;
    if (s.len > most)
        return too_long(err, most);
    if (plain_prefix(s) == s.len) /* ASCII is its own NFC form */
        return buf_slice(out, s) == 0 ? 0 : too_long(err, out->max);
    int rv = check_marks(s, err);
    if (rv != 0)
        return rv;
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)s.data, (utf8proc_ssize_t)s.len, &made,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (len == UTF8PROC_ERROR_NOMEM)
        abort();
    rv = len < 0 || buf_append(out, made, (size_t)len) != 0 ? too_long(err, out->max) : 0;
    free(made);
    return rv;
}
