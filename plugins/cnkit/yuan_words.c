#include "cnkit.h"

/* Amounts in words (陆万玖仟陆佰伍拾元整), read by the rules by which they are filled in: digits 壹 to 玖 before 拾 佰 仟 in
 * falling order, groups of four by 万 and 亿, then 角 and 分, and 整 or 正 at the end. A 零 may stand for a gap. */

enum { ZERO = 0x96F6, TEN = 0x62FE, HUNDRED = 0x4F70, THOUSAND = 0x4EDF, WAN = 0x4E07, YI = 0x4EBF };

struct words {
    const int32_t *at, *end;
};

/* The digit that c is, 0 for none. */
static int digit_of(int32_t c)
{
    static const int32_t digits[] = {0x58F9, 0x8D30, 0x53C1, 0x8086, 0x4F0D, 0x9646, 0x67D2, 0x634C, 0x7396};
    for (int i = 0; i < 9; i++)
        if (c == digits[i])
            return i + 1;
    return 0;
}

static bool take(struct words *w, int32_t c)
{
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

static int take_digit(struct words *w)
{
    const int digit = w->at < w->end ? digit_of(*w->at) : 0;
    w->at += digit > 0;
    return digit;
}

/* Up to four digits with their places; 0 when there are none. */
static int64_t take_group(struct words *w)
{
    static const struct {
        int32_t sign;
        int unit;
    } places[] = {{THOUSAND, 1000}, {HUNDRED, 100}, {TEN, 10}};
    int64_t sum = 0;
    take(w, ZERO);
    for (size_t next = 0;;) {
        const int32_t *before = w->at;
        const int digit = take_digit(w);
        if (digit == 0)
            return sum;
        while (next < 3 && !take(w, places[next].sign))
            next++;
        if (next == 3) { /* the ones, or a place that has been already */
            if (w->at < w->end && (*w->at == THOUSAND || *w->at == HUNDRED || *w->at == TEN)) {
                w->at = before;
                return sum;
            }
            return sum + digit;
        }
        sum += (int64_t)digit * places[next++].unit;
        take(w, ZERO);
    }
}

/* A number below 10^8: a group, 万, a group. */
static int64_t take_half(struct words *w)
{
    const int64_t high = take_group(w);
    return high > 0 && take(w, WAN) ? high * 10000 + take_group(w) : high;
}

bool cnkit_yuan_words(const int32_t *points, int count, int64_t *fen)
{
    struct words w = {points, points + count};
    const bool negative = take(&w, 0x8D1F); /* 负 */
    const bool zero = w.at + 1 < w.end && w.at[0] == ZERO && (w.at[1] == 0x5143 || w.at[1] == 0x5706);
    const int32_t *front = w.at;
    int64_t yuan = take_half(&w);
    if (yuan > 0 && take(&w, YI))
        yuan = yuan * 100000000 + take_half(&w);
    const bool whole = (yuan > 0 || zero) && (take(&w, 0x5143) || take(&w, 0x5706)); /* 元 圆 */
    if (!whole) {                                                                    /* 角 and 分 alone */
        w.at = front;
        yuan = 0;
    }
    take(&w, ZERO);
    int parts = 0;
    for (int unit = 10; unit > 0; unit /= 10) {
        const int32_t *before = w.at;
        const int digit = take_digit(&w);
        if (digit > 0 && take(&w, unit == 10 ? 0x89D2 : 0x5206)) /* 角 分 */
            parts += digit * unit;
        else
            w.at = before;
    }
    if (!take(&w, 0x6574)) /* 整 正 */
        take(&w, 0x6B63);
    *fen = (yuan * 100 + parts) * (negative ? -1 : 1);
    return w.at == w.end && (whole || parts > 0);
}
