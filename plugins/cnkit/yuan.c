#include "cnkit.h"

#include <stdio.h>

/* Amounts as people write them, and back. Money is integer fen everywhere else.
 *
 * Words follow 正确填写票据和结算凭证的基本规定 (annex 1 of the PBoC's 支付结算办法, 1997): one 零 for a gap of any
 * length, none before 元 or behind 万 where it is optional, 整 behind 元 and 角, not behind 分. */

enum { PLAIN_MAX = 60, GROUPS = 4, WORDS_MAX = 400 };

/* -- reading -- */

struct amount {
    const struct muster_host *host;
    struct muster_call *call;
    const char *at;
    char text[PLAIN_MAX + 1];
};

static int refuse(struct amount *a, const char *why)
{
    return a->host->fail(a->call, "ARG", "cnkit.yuan", "text", why, NULL, 0);
}

static const char bad[] = "this is no amount in yuan: write it like 69,650.00 or 6.965万";

/* A sign of people as one of ours: full-width ones become ASCII, 万 w, 亿 y, 元 u, ￥ r. 0: it has no place here. */
static char sign(int32_t c)
{
    static const struct {
        int32_t theirs;
        char ours;
    } signs[] = {{0x4E07, 'w'}, {0x4EBF, 'y'}, {0x5143, 'u'}, {0x5706, 'u'}, {0x5713, 'u'}, /* 万 亿 元 圆 圓 */
                 {0x89D2, 'j'}, {0x5206, 'f'}, {0x6574, 'z'}, {0x6B63, 'z'},                /* 角 分 整 正 */
                 {0xA5, 'r'},   {0xFFE5, 'r'}, {0x2212, '-'}};                              /* ¥ ￥ − */
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
        if (c == signs[i].theirs)
            return signs[i].ours;
    if (c >= 0xFF01 && c <= 0xFF5E)
        c -= 0xFEE0;
    return c > 0x7E || (c >= 'a' && c <= 'z') ? 0 : (char)c;
}

static bool in_figures(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == ',';
}

/* Blanks stand around the currency and the unit, but never inside of the figures: 1 2 is two amounts. */
static bool plain(struct amount *a, const int32_t *points, int count)
{
    size_t n = 0;
    bool blank = false;
    for (int i = 0; i < count; i++) {
        const char c = sign(points[i]);
        if (c == 0 || n == PLAIN_MAX || (blank && n > 0 && in_figures(a->text[n - 1]) && in_figures(c)))
            return false;
        blank = c == ' ';
        if (c != ' ')
            a->text[n++] = c;
    }
    a->text[n] = '\0';
    return true;
}

/* Digits, with commas that part thousands or none. */
static int whole(struct amount *a, __int128 *out)
{
    const char *from = a->at;
    bool commas = false;
    int run = 0, digits = 0;
    *out = 0;
    for (; (*a->at >= '0' && *a->at <= '9') || *a->at == ','; a->at++) {
        if (*a->at == ',') {
            if (a->at == from || (commas && run != 3) || run > 3 || run == 0)
                return refuse(a, "commas part thousands: 69,650.00");
            commas = true;
            run = 0;
            continue;
        }
        run++;
        if (++digits > 20)
            return refuse(a, "the amount is too large");
        *out = *out * 10 + (*a->at - '0');
    }
    if (digits == 0)
        return refuse(a, bad);
    return commas && run != 3 ? refuse(a, "commas part thousands: 69,650.00") : MUSTER_OK;
}

/* What stands behind the point, in units of 10^-10 of the unit. */
static int fraction(struct amount *a, int64_t *out)
{
    int64_t unit = 1000000000;
    *out = 0;
    if (*a->at != '.')
        return MUSTER_OK;
    a->at++;
    if (*a->at < '0' || *a->at > '9')
        return refuse(a, bad);
    for (; *a->at >= '0' && *a->at <= '9'; a->at++) {
        if (unit == 0 && *a->at != '0')
            return refuse(a, "the amount has parts of a fen");
        *out += (*a->at - '0') * unit;
        unit /= 10;
    }
    return MUSTER_OK;
}

/* 角 and 分 behind 元, in fen, and 整 at the end. */
static int small_units(struct amount *a)
{
    int fen = 0;
    for (int unit = 10; unit > 0; unit /= 10)
        if (a->at[0] >= '0' && a->at[0] <= '9' && a->at[1] == (unit == 10 ? 'j' : 'f')) {
            fen += (a->at[0] - '0') * unit;
            a->at += 2;
        }
    a->at += *a->at == 'z';
    return fen;
}

static int read(struct amount *a, int64_t *fen)
{
    int64_t scale = 1, rest = 0;
    __int128 yuan = 0;
    a->at = a->text;
    const bool negative = *a->at == '-';
    a->at += negative;
    if (strncmp(a->at, "RMB", 3) == 0 || strncmp(a->at, "CNY", 3) == 0)
        a->at += 3;
    else if (*a->at == 'r')
        a->at++;
    if (whole(a, &yuan) != MUSTER_OK || fraction(a, &rest) != MUSTER_OK)
        return MUSTER_FAILED;
    for (; *a->at == 'w' || *a->at == 'y'; a->at++) {
        if (scale >= 100000000 && *a->at == 'y')
            return refuse(a, bad);
        scale *= *a->at == 'w' ? 10000 : 100000000;
        if (scale > 1000000000000) /* 万亿 */
            return refuse(a, bad);
    }
    const bool units = *a->at == 'u';
    a->at += units;
    const int small = units && rest == 0 ? small_units(a) : 0;
    if (*a->at)
        return refuse(a, bad);
    const __int128 parts = (__int128)rest * scale; /* in 10^-10 yuan, so 10^8 of them are a fen */
    if (parts % 100000000 != 0)
        return refuse(a, "the amount has parts of a fen");
    const __int128 sum = yuan * scale * 100 + parts / 100000000 + small;
    if (sum > INT64_MAX)
        return refuse(a, "the amount is too large");
    *fen = negative ? -(int64_t)sum : (int64_t)sum;
    return MUSTER_OK;
}

/* How many characters are blanks and 人民币 at the front. */
static int behind_currency(const int32_t *points, int count)
{
    static const int32_t currency[] = {0x4EBA, 0x6C11, 0x5E01};
    int from = 0;
    while (from < count && points[from] == ' ')
        from++;
    return count - from > 3 && memcmp(points + from, currency, sizeof(currency)) == 0 ? from + 3 : from;
}

CNKIT_COMMAND(yuan_parse)
{
    int32_t points[CNKIT_POINTS(PLAIN_MAX)];
    struct amount a = {.host = host, .call = call};
    int64_t fen = 0;
    int n = cnkit_points(args[0].s, points, CNKIT_POINTS(PLAIN_MAX));
    for (int i = 0; i < n; i++)
        points[i] = points[i] == 0x3000 || points[i] == 0xA0 || points[i] == '\t' ? ' ' : points[i];
    const int from = n < 0 ? 0 : behind_currency(points, n);
    if (n >= 0 && cnkit_yuan_words(points + from, n - from, &fen)) {
        host->reply_int(call, fen);
        return MUSTER_OK;
    }
    if (n < 0 || !plain(&a, points + from, n - from))
        return refuse(&a, bad);
    if (read(&a, &fen) != MUSTER_OK)
        return MUSTER_FAILED;
    host->reply_int(call, fen);
    return MUSTER_OK;
}

/* -- writing -- */

static size_t figures(uint64_t fen, bool negative, char *out)
{
    char digits[24];
    const int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)(fen / 100));
    size_t len = 0;
    if (negative)
        out[len++] = '-';
    for (int i = 0; i < n; i++) {
        out[len++] = digits[i];
        if ((n - 1 - i) % 3 == 0 && i + 1 < n)
            out[len++] = ',';
    }
    return len + (size_t)snprintf(out + len, 4, ".%02u", (unsigned)(fen % 100));
}

static const char *const numerals[] = {"零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖"};

struct words {
    char text[WORDS_MAX];
    bool started, gap;
};

static void put(struct words *w, const char *word)
{
    strncat(w->text, word, sizeof(w->text) - strlen(w->text) - 1);
}

/* Four digits. A 零 stands for zeros between digits, and for the front zeros of a group behind another. */
static void put_group(struct words *w, int n)
{
    static const char *const places[] = {"仟", "佰", "拾", ""};
    static const int units[] = {1000, 100, 10, 1};
    for (int i = 0; i < 4; i++) {
        const int digit = n / units[i] % 10;
        if (digit == 0) {
            w->gap = true;
            continue;
        }
        if (w->gap && w->started)
            put(w, numerals[0]);
        put(w, numerals[digit]);
        put(w, places[i]);
        w->started = true;
        w->gap = false;
    }
}

static void put_yuan(struct words *w, uint64_t yuan)
{
    static const uint64_t sizes[GROUPS] = {1000000000000, 100000000, 10000, 1};
    int groups[GROUPS];
    for (int i = 0; i < GROUPS; i++)
        groups[i] = (int)(yuan / sizes[i] % 10000);
    for (int i = 0; i < GROUPS; i++) {
        if (groups[i] > 0) {
            put_group(w, groups[i]);
            put(w, i == 0 || i == 2 ? "万" : i == 1 ? "亿" : "");
        } else if (i == 1 && groups[0] > 0) {
            put(w, "亿"); /* 壹万亿 */
        }
        w->gap = groups[i] == 0;
    }
}

static void in_words(uint64_t fen, bool negative, struct words *w)
{
    const int jiao = (int)(fen / 10 % 10), rest = (int)(fen % 10);
    if (negative)
        put(w, "负");
    put_yuan(w, fen / 100);
    if (w->started)
        put(w, "元");
    if (jiao == 0 && rest == 0) {
        put(w, w->started ? "整" : "零元整");
        return;
    }
    if (jiao > 0) {
        put(w, numerals[jiao]);
        put(w, "角");
    } else if (w->started) {
        put(w, numerals[0]);
    }
    if (rest > 0)
        put(w, numerals[rest]);
    put(w, rest > 0 ? "分" : "整");
}

CNKIT_COMMAND(yuan_format)
{
    const int64_t fen = args[0].i;
    const uint64_t size = fen < 0 ? -(uint64_t)fen : (uint64_t)fen;
    char out[48];
    if (!args[1].i) {
        host->reply_text(call, (struct muster_text){out, figures(size, fen < 0, out)});
        return MUSTER_OK;
    }
    struct words w = {.text = ""};
    if (size / 100 >= 10000000000000000u)
        return host->fail(call, "LIMIT", "cnkit.words", "fen", "amounts in words end below ten million billion yuan",
                          NULL, 0);
    in_words(size, fen < 0, &w);
    host->reply_text(call, cnkit_text(w.text));
    return MUSTER_OK;
}
