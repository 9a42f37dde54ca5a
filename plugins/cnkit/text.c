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
    return c == DOT || c == 0x2022 || c == 0x2027 || c == 0x2219 || c == 0x22C5 || c == 0x30FB || c == 0xFF0E ||
           c == 0xFF65 || c == 0x0387;
}

static bool is_invisible(int32_t c)
{
    return (c >= 0x200B && c <= 0x200D) || c == 0x2060 || c == 0xFEFF;
}

static int32_t fold(int32_t c)
{
    if (c >= 0x4E00 && c <= 0x9FFF)
        return c;
    if (is_dot(c))
        return DOT;
    if ((c >= 0xFF10 && c <= 0xFF19) || (c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A))
        return c - 0xFEE0;
    return u_isUWhiteSpace(c) || u_iscntrl(c) ? ' ' : c;
}

/* Where every character stands alone the blanks only fill up a form: 示　例. */
static int close_up(int32_t *points, int count)
{
    for (int i = 0; i < count; i++)
        if ((points[i] == ' ') != (i % 2 == 1))
            return count;
    int n = 0;
    for (int i = 0; i < count; i += 2)
        points[n++] = points[i];
    return n;
}

int cnkit_normal(int32_t *points, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        int32_t c = fold(points[i]);
        if (is_invisible(c) || (c == ' ' && (n == 0 || points[n - 1] == ' ')))
            continue;
        if (c == '.' && n > 0 && cnkit_is_han(points[n - 1]) && i + 1 < count && cnkit_is_han(points[i + 1]))
            c = DOT;
        points[n++] = c;
    }
    if (n > 0 && points[n - 1] == ' ')
        n--;
    return close_up(points, n);
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
