/* Time: instants in ms UTC, a monotonic clock, and civil days at a fixed offset. */
#ifndef MUSTER_BASE_CLOCK_H
#define MUSTER_BASE_CLOCK_H

#include "base/buf.h"

int64_t clock_now_ms(void);     /* ms since 1970-01-01T00:00:00Z */
uint64_t clock_mono_ns(void);   /* monotonic, ns */
uint64_t clock_coarse_ns(void); /* monotonic, tick resolution (about 4 ms), 4 ns to read */

/* Days since 1970-01-01 of a proleptic Gregorian date. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t clock_days(int year, int month, int day);
/* "YYYY-MM-DD" (exactly, a real date, years 0001..9999) → 0 and days since 1970-01-01, or ERR_ARG. */
int clock_parse_date(struct slice text, int64_t *days);
/* RFC 3339 with offset or Z ("2020-03-18T18:28[:00[.123]]+08:00"), or a decimal integer of ms → 0 and ms UTC, or ERR_ARG. */
int clock_parse_instant(struct slice text, int64_t *ms);
/* "YYYY-MM-DD" of the civil day at `offset_min` east of UTC. `out` holds 11 bytes. */
void clock_format_day(int64_t ms, int offset_min, char out[11]);
/* "2020-03-18T18:28:00.123+08:00" (ms left out when 0; Z for offset 0). `out` holds 36 bytes. */
void clock_format_instant(int64_t ms, int offset_min, char out[36]);

#endif
