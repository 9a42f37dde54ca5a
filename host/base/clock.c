#include "base/clock.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>

/* Integers only. Days are counted with years that begin in March, so that the leap day is the last of its year.
 * Every instant accepted or printed lies in the years 0001 to 9999, in UTC and in the local day asked for. */

static const int64_t DAY_MS = 86400000;
static const int64_t MIN_MS = -62135596800000; /* 0001-01-01T00:00:00Z */
static const int64_t MAX_MS = 253402300799999; /* 9999-12-31T23:59:59.999Z */

static uint64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int64_t clock_now_ms(void)
{
    return (int64_t)(read_ns(CLOCK_REALTIME) / 1000000u);
}

uint64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
    return read_ns(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_days(int year, int month, int day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct civil {
    int year, month, day;
};

static struct civil civil_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil){(int)(yoe + era * 400 + (month <= 2)), month, (int)(doy - (153 * mp + 2) / 5 + 1)};
}

/* Take exactly `digits` decimal digits off the front of `text`. -1 if they are not there. */
static int take(struct slice *text, size_t digits)
{
    if (text->len < digits)
        return -1;
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = text->data[i];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    text->data += digits;
    text->len -= digits;
    return value;
}

static bool skip(struct slice *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int take_date(struct slice *text, int64_t *days)
{
    int year = take(text, 4);
    if (year < 1 || !skip(text, '-'))
        return ERR_ARG;
    int month = take(text, 2);
    if (month < 1 || month > 12 || !skip(text, '-'))
        return ERR_ARG;
    int day = take(text, 2);
    if (day < 1 || day > month_days(year, month))
        return ERR_ARG;
    *days = clock_days(year, month, day);
    return 0;
}

/* "HH:MM[:SS[.fraction]]" → ms of the day, or -1. Digits beyond ms are read and dropped. Leap seconds are refused. */
static int64_t take_time(struct slice *text)
{
    int hour = take(text, 2);
    if (hour < 0 || hour > 23 || !skip(text, ':'))
        return -1;
    int minute = take(text, 2);
    if (minute < 0 || minute > 59)
        return -1;
    int second = 0, ms = 0;
    if (skip(text, ':')) {
        second = take(text, 2);
        if (second < 0 || second > 59)
            return -1;
        if (skip(text, '.')) {
            int digit, seen = 0;
            for (int scale = 100; seen < 9 && (digit = take(text, 1)) >= 0; scale /= 10, seen++)
                ms += digit * scale;
            if (seen == 0)
                return -1;
        }
    }
    return ((hour * 60 + minute) * 60 + second) * (int64_t)1000 + ms;
}

/* "Z" or "+08:00" → minutes east of UTC. */
static int take_offset(struct slice *text, int *minutes)
{
    *minutes = 0;
    if (skip(text, 'Z'))
        return 0;
    int sign = skip(text, '+') ? 1 : skip(text, '-') ? -1 : 0;
    int hour = sign ? take(text, 2) : -1;
    if (hour < 0 || hour > 23 || !skip(text, ':'))
        return ERR_ARG;
    int minute = take(text, 2);
    if (minute < 0 || minute > 59)
        return ERR_ARG;
    *minutes = sign * (hour * 60 + minute);
    return 0;
}

int clock_parse_date(struct slice text, int64_t *days)
{
    int64_t found;
    if (take_date(&text, &found) || text.len)
        return ERR_ARG;
    *days = found;
    return 0;
}

/* A decimal integer without plus, spaces or leading zeros. */
static int parse_ms(struct slice text, int64_t *ms)
{
    bool negative = skip(&text, '-');
    if (text.len == 0 || text.len > 15 || (text.data[0] == '0' && (text.len > 1 || negative)))
        return ERR_ARG;
    int64_t value = 0;
    while (text.len) {
        int digit = take(&text, 1);
        if (digit < 0)
            return ERR_ARG;
        value = value * 10 + digit;
    }
    *ms = negative ? -value : value;
    return 0;
}

int clock_parse_instant(struct slice text, int64_t *ms)
{
    int64_t days, found;
    if (parse_ms(text, &found) != 0) {
        if (take_date(&text, &days) || !skip(&text, 'T'))
            return ERR_ARG;
        int64_t of_day = take_time(&text);
        int offset;
        if (of_day < 0 || take_offset(&text, &offset) || text.len)
            return ERR_ARG;
        found = days * DAY_MS + of_day - offset * (int64_t)60000;
    }
    if (found < MIN_MS || found > MAX_MS)
        return ERR_ARG;
    *ms = found;
    return 0;
}

/* The local wall clock as if it were UTC, kept within four-digit years. */
static int64_t local_ms(int64_t ms, int offset_min)
{
    ms = ms < MIN_MS ? MIN_MS : ms > MAX_MS ? MAX_MS : ms;
    ms += offset_min * (int64_t)60000;
    return ms < MIN_MS ? MIN_MS : ms > MAX_MS ? MAX_MS : ms;
}

/* Split local time into days and the ms of the day, rounding down before 1970 too. */
static int64_t split(int64_t local, int64_t *of_day)
{
    int64_t days = (local >= 0 ? local : local - (DAY_MS - 1)) / DAY_MS;
    *of_day = local - days * DAY_MS;
    return days;
}

static void put_day(int64_t days, char out[11])
{
    struct civil c = civil_of(days);
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)c.year % 10000, (unsigned)c.month % 100, (unsigned)c.day % 100);
}

void clock_format_day(int64_t ms, int offset_min, char out[11])
{
    int64_t of_day;
    put_day(split(local_ms(ms, offset_min), &of_day), out);
}

void clock_format_instant(int64_t ms, int offset_min, char out[36])
{
    int64_t of_day;
    put_day(split(local_ms(ms, offset_min), &of_day), out);
    unsigned seconds = (unsigned)(of_day / 1000), fraction = (unsigned)(of_day % 1000);
    int at = 10;
    at += snprintf(out + at, 36 - (size_t)at, "T%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (fraction)
        at += snprintf(out + at, 36 - (size_t)at, ".%03u", fraction);
    unsigned minutes = (unsigned)(offset_min < 0 ? -offset_min : offset_min);
    if (minutes == 0)
        snprintf(out + at, 36 - (size_t)at, "Z");
    else
        snprintf(out + at, 36 - (size_t)at, "%c%02u:%02u", offset_min < 0 ? '-' : '+', minutes / 60 % 100,
                 minutes % 60);
}
