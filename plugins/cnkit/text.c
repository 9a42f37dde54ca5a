#include "cnkit.h"

#include <stdlib.h>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

/* Names as people type them, in one form: NFC, one kind of dot, ASCII digits and letters, no outer blanks. Most names
 * are a few common Han characters, for which every question of Unicode is answered by a comparison; ICU is asked about
 * the others only. */

enum { NAME_MAX = CNKIT_NAME_MAX, DOT = 0xB7 };

bool cnkit_is_han(int32_t c)
{
    if (c < 0x3005)
        return false;
    return (c >= 0x4E00 && c <= 0x9FFF) || u_hasBinaryProperty(c, UCHAR_UNIFIED_IDEOGRAPH) || c == 0x3005 ||
           c == 0x3007;
}

/* Below U+0300 and in the main block of Han nothing composes, decomposes or moves. */
static bool is_plain(int32_t c)
{
    return c < 0x300 || (c >= 0x4E00 && c <= 0x9FFF);
}

static int compose(struct muster_text text, int32_t *out, int max)
{
    UChar small[2 * CNKIT_POINTS(NAME_MAX)], *from = small, *to;
    UErrorCode why = U_ZERO_ERROR;
    int32_t len = 0, room = CNKIT_POINTS(NAME_MAX);
    if (text.len > (size_t)room) {
        room = max + 1 > (int)text.len ? max + 1 : (int)text.len;
        from = malloc(2 * sizeof(*from) * (size_t)room);
    }
    if (!from)
        return -1;
    to = from + room;
    u_strFromUTF8(from, room, &len, text.data, (int32_t)text.len, &why);
    len = unorm2_normalize(unorm2_getNFCInstance(&why), from, len, to, room, &why);
    int n = U_SUCCESS(why) ? 0 : -1;
    for (int32_t i = 0; n >= 0 && i < len;) {
        int32_t c;
        U16_NEXT(to, i, len, c);
        if (n < max)
            out[n] = c;
        n = n < max ? n + 1 : -1;
    }
    if (from != small)
        free(from);
    return n;
}

int cnkit_points(struct muster_text text, int32_t *out, int max)
{
    const int32_t len = (int32_t)text.len;
    bool plain = true;
    int n = 0;
    for (int32_t i = 0; i < len; n++) {
        if (n == max)
            return -1;
        U8_NEXT(text.data, i, len, out[n]);
        plain = plain && is_plain(out[n]);
    }
    return plain ? n : compose(text, out, max);
}

/* Keyboards, old systems and forms write the dot of a minority's name in many ways. */
static bool is_dot(int32_t c)
{
    static const int32_t dots[] = {DOT,    0x0387, 0x2022, 0x2024, 0x2027, 0x2219, 0x22C5,
                                   0x25CF, 0x2E31, 0x30FB, 0xA78F, 0xFE52, 0xFF0E, 0xFF65};
    for (size_t i = 0; i < sizeof(dots) / sizeof(*dots); i++)
        if (c == dots[i])
            return true;
    return false;
}

/* A character as names have it; -1 for one that nobody sees, such as a mark of direction. Control characters stay, for
 * the check to find. */
static int32_t fold(int32_t c)
{
    if (c >= 0x4E00 && c <= 0x9FFF)
        return c;
    if (is_dot(c))
        return DOT;
    if ((c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A))
        return c - 0xFEE0;
    if (u_charType(c) == U_FORMAT_CHAR)
        return -1;
    return u_isUWhiteSpace(c) ? ' ' : c;
}

/* Folding brings letters and their marks together that were apart. */
static int compose_again(int32_t *points, int count)
{
    char *bytes = malloc(4 * (size_t)count);
    if (!bytes)
        return count;
    const int n = compose((struct muster_text){bytes, cnkit_bytes(points, count, bytes)}, points, count);
    free(bytes);
    return n < 0 ? count : n;
}

/* No blanks outside, around a dot, or twice; a full stop between Han characters is a dot. */
static int close_dots(int32_t *points, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        int32_t c = points[i];
        if (c == '.' && n > 0 && cnkit_is_han(points[n - 1]) && i + 1 < count && cnkit_is_han(points[i + 1]))
            c = DOT;
        if (c == ' ' && (n == 0 || points[n - 1] == ' ' || points[n - 1] == DOT))
            continue;
        n -= c == DOT && n > 0 && points[n - 1] == ' ';
        points[n++] = c;
    }
    return n - (n > 0 && points[n - 1] == ' ');
}

/* Where every Han character stands alone the blanks only fill up a form: 示　例. */
static int close_up(int32_t *points, int count)
{
    for (int i = 0; i < count; i++)
        if (i % 2 == 1 ? points[i] != ' ' : !cnkit_is_han(points[i]))
            return count;
    int n = 0;
    for (int i = 0; i < count; i += 2)
        points[n++] = points[i];
    return n;
}

int cnkit_normal(int32_t *points, int count)
{
    bool plain = true;
    int n = 0;
    for (int i = 0; i < count; i++) {
        const int32_t c = fold(points[i]);
        if (c < 0)
            continue;
        points[n++] = c;
        plain = plain && is_plain(c);
    }
    if (!plain)
        n = compose_again(points, n);
    return close_up(points, close_dots(points, n));
}

size_t cnkit_bytes(const int32_t *points, int count, char *out)
{
    size_t n = 0;
    for (int i = 0; i < count; i++)
        U8_APPEND_UNSAFE((uint8_t *)out, n, points[i]);
    return n;
}

size_t cnkit_not_xml(const char *text)
{
    return strncmp(text, "\xEF\xBF\xBE", 3) == 0 || strncmp(text, "\xEF\xBF\xBF", 3) == 0 ? 3 : 0;
}

static int refuse(const struct muster_host *host, struct muster_call *call)
{
    return host->fail(call, "LIMIT", "cnkit.name", "name", "the name has more than 200 characters once it is composed",
                      NULL, 0);
}

CNKIT_COMMAND(name_norm)
{
    int32_t points[CNKIT_POINTS(NAME_MAX)];
    char out[4 * CNKIT_POINTS(NAME_MAX)];
    int n = cnkit_points(args[0].s, points, CNKIT_POINTS(NAME_MAX));
    if (n < 0)
        return refuse(host, call);
    n = cnkit_normal(points, n);
    host->reply_text(call, (struct muster_text){out, cnkit_bytes(points, n, out)});
    return MUSTER_OK;
}
