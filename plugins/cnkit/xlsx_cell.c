#include "xlsx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Days since 1970-01-01 as a civil date. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static void civil(long days, char out[40])
{
    const long z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    const long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
               doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const long mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    snprintf(out, 40, "%04d-%02d-%02d", (int)(yoe + era * 400 + (month <= 2)), (int)month, (int)day);
}

/* A spreadsheet counts days from 1899-12-30 (before March 1900 from a day later, for it believes in 1900-02-29), or from
 * 1904-01-01; parts of a day are the time. */
static bool put_date(const struct xlsx *x, double serial, char out[64])
{
    char date[40] = "";
    if (!(serial >= 0 && serial < 2958466))
        return false;
    long day = (long)floor(serial), second = lround((serial - floor(serial)) * 86400);
    if (second == 86400) {
        second = 0;
        day++;
    }
    if (!x->from_1904 && day == 60)
        return false;
    civil(day + (x->from_1904 ? -24107 : day < 60 ? -25568 : -25569), date);
    if (second == 0)
        snprintf(out, 64, "%s", date);
    else
        snprintf(out, 64, "%.24s%s%02d:%02d:%02d", day ? date : "", day ? "T" : "", (int)(second / 3600 % 24),
                 (int)(second / 60 % 60), (int)(second % 60));
    return true;
}

/* Days as hours that were counted: 1.5 is 36:00:00. */
static bool put_hours(double days, char out[64])
{
    if (!(days >= 0 && days < 2958466))
        return false;
    const long seconds = lround(days * 86400);
    snprintf(out, 64, "%02ld:%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60), (int)(seconds % 60));
    return true;
}

/* Digits of a whole number: a code that is longer than a double's 15 digits keeps them all. */
static bool is_whole(const char *value)
{
    const char *digits = value + (*value == '-');
    return *digits && !digits[strspn(digits, "0123456789")];
}

const char *xlsx_number(const struct xlsx *x, const char *value, size_t style, char out[64])
{
    char *end;
    const double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number))
        return value;
    const enum xlsx_shows shows = style < x->nstyles ? x->shows[style] : XLSX_NUMBER;
    if ((shows == XLSX_DATE && put_date(x, number, out)) || (shows == XLSX_HOURS && put_hours(number, out)))
        return out;
    if (is_whole(value))
        return value;
    snprintf(out, 64, "%.15g", number);
    return out;
}

/* Four digits between _x and _ as a character of UTF-16; 0 for what is none, or half of one. */
static long escape(const char *text, size_t len)
{
    char digits[5];
    if (len < 7 || text[0] != '_' || text[1] != 'x' || text[6] != '_')
        return 0;
    memcpy(digits, text + 2, 4);
    digits[4] = '\0';
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return 0;
    const long c = strtol(digits, NULL, 16);
    return c >= 0xD800 && c <= 0xDFFF ? 0 : c;
}

size_t xlsx_unescape(char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        const int32_t c = (int32_t)escape(text + i, len - i);
        if (c == 0) {
            text[n++] = text[i++];
            continue;
        }
        n += cnkit_bytes(&c, 1, text + n);
        i += 7;
    }
    return n;
}
