#include "base/clock.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t DAY_MS = 86400000;

static int64_t instant(const char *text)
{
    int64_t ms = -1;
    assert_int_equal(clock_parse_instant(slice_of(text), &ms), 0);
    return ms;
}

static void refused(const char *text)
{
    int64_t ms = 77;
    if (clock_parse_instant(slice_of(text), &ms) != ERR_ARG || ms != 77)
        fail_msg("'%s' was accepted or changed the result", text);
}

/* Known days, on both sides of 1970. */
static void days_count_from_1970(void **state)
{
    (void)state;
    assert_int_equal(clock_days(1970, 1, 1), 0);
    assert_int_equal(clock_days(1969, 12, 31), -1);
    assert_int_equal(clock_days(2000, 3, 1), 11017);
    assert_int_equal(clock_days(2020, 3, 18), 18339);
    assert_int_equal(clock_days(1, 1, 1), -719162);
    assert_int_equal(clock_days(9999, 12, 31), 2932896);
}

/* Every day of ten millennia follows the day before and prints as what it was parsed from. */
static void every_day_of_the_calendar_round_trips(void **state)
{
    (void)state;
    for (int64_t day = clock_days(1, 1, 1); day <= clock_days(9999, 12, 31); day++) {
        char text[11];
        int64_t back = 0;
        clock_format_day(day * DAY_MS, 0, text);
        if (clock_parse_date((struct slice){text, 10}, &back) != 0 || back != day)
            fail_msg("day %lld became %s", (long long)day, text);
    }
}

/* Centuries are leap years only every four hundred years. */
static void leap_days_follow_the_gregorian_rule(void **state)
{
    (void)state;
    int64_t days;
    assert_int_equal(clock_parse_date(SLICE("2000-02-29"), &days), 0);
    assert_int_equal(clock_parse_date(SLICE("2020-02-29"), &days), 0);
    assert_int_equal(clock_parse_date(SLICE("1900-02-29"), &days), ERR_ARG);
    assert_int_equal(clock_parse_date(SLICE("2100-02-29"), &days), ERR_ARG);
    assert_int_equal(clock_parse_date(SLICE("2021-02-29"), &days), ERR_ARG);
}

/* A date is exactly ten characters that name a real day. */
static void dates_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "2020-3-18",  "2020-03-18 ", " 2020-03-18", "2020-00-10",  "2020-13-10", "2020-04-31",
        "2020-01-00", "2020-01-32", "0000-01-01",  "20200318",    "2020/03/18",  "-001-01-01", "+020-01-01",
        "2020-03-1x", "2020-03",    "12020-01-1",  "2020-03-018", "２020-03-18", "2020-12-3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t days = 77;
        if (clock_parse_date(slice_of(bad[i]), &days) != ERR_ARG || days != 77)
            fail_msg("'%s' was accepted or changed the result", bad[i]);
    }
    assert_int_equal(clock_parse_date(SLICE("2020-03-18\0"), &(int64_t){0}), ERR_ARG);
}

/* The first and the last day there are. */
static void the_edges_of_the_calendar_are_accepted(void **state)
{
    (void)state;
    int64_t first, last;
    assert_int_equal(clock_parse_date(SLICE("0001-01-01"), &first), 0);
    assert_int_equal(clock_parse_date(SLICE("9999-12-31"), &last), 0);
    assert_int_equal(first, -719162);
    assert_int_equal(last, 2932896);
}

/* Seconds and their fraction may be left out; the offset may not. */
static void instants_are_read_with_their_offset(void **state)
{
    (void)state;
    assert_int_equal(instant("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(instant("2020-03-18T18:28:00.123+08:00"), 1584527280123);
    assert_int_equal(instant("2020-03-18T18:28+08:00"), 1584527280000);
    assert_int_equal(instant("2020-03-18T10:28:00Z"), 1584527280000);
    assert_int_equal(instant("2020-03-18T04:58:00-05:30"), 1584527280000);
    assert_int_equal(instant("1969-12-31T23:59:59.999Z"), -1);
    assert_int_equal(instant("1970-01-01T00:00:00.5Z"), 500);
    assert_int_equal(instant("1970-01-01T00:00:00.123456789Z"), 123);
}

/* A decimal integer is ms since 1970. */
static void instants_are_read_as_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(instant("0"), 0);
    assert_int_equal(instant("1584527280123"), 1584527280123);
    assert_int_equal(instant("-1"), -1);
    assert_int_equal(instant("253402300799999"), 253402300799999);
    assert_int_equal(instant("-62135596800000"), -62135596800000);
}

/* Local times without offset, impossible times, numbers with ornaments and years out of range. */
static void malformed_instants_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "-0",
        "+1",
        "01",
        "1 ",
        "1e3",
        "253402300800000",
        "-62135596800001",
        "9999999999999999999999",
        "2020-03-18",
        "2020-03-18T18:28:00",
        "2020-03-18 18:28:00Z",
        "2020-03-18t18:28:00Z",
        "2020-03-18T18:28:00z",
        "2020-03-18T24:00:00Z",
        "2020-03-18T18:60Z",
        "2020-03-18T18:28:60Z",
        "2020-03-18T18:28:00.Z",
        "2020-03-18T18:28:00.1234567890Z",
        "2020-03-18T18:28:00+0800",
        "2020-03-18T18:28:00+24:00",
        "2020-03-18T18:28:00+08:60",
        "2020-03-18T18:28:00Zx",
        "2020-02-30T18:28:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:00-00:01",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i]);
}

/* The civil day depends on where one stands. */
static void a_day_begins_at_local_midnight(void **state)
{
    (void)state;
    char text[11];
    int64_t ms = instant("2020-03-18T16:00:00Z");
    clock_format_day(ms, 480, text);
    assert_string_equal(text, "2020-03-19");
    clock_format_day(ms - 1, 480, text);
    assert_string_equal(text, "2020-03-18");
    clock_format_day(-1, 0, text);
    assert_string_equal(text, "1969-12-31");
    clock_format_day(0, -1, text);
    assert_string_equal(text, "1969-12-31");
}

/* What is printed can be read back, whatever the offset. */
static void printed_instants_read_back(void **state)
{
    (void)state;
    static const int offsets[] = {0, 480, -330, 1439, -1439, 1};
    static const int64_t instants[] = {0, 1, -1, 999, 1584527280123, 253402200000000, -62135500000000, -86400000};
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 8; k++) {
            char text[36];
            clock_format_instant(instants[k], offsets[i], text);
            assert_int_equal(instant(text), instants[k]);
        }
    }
}

/* The shape is fixed: ms only when there are some, Z for no offset. */
static void instants_print_in_one_shape(void **state)
{
    (void)state;
    char text[36];
    clock_format_instant(1584527280123, 480, text);
    assert_string_equal(text, "2020-03-18T18:28:00.123+08:00");
    clock_format_instant(1584527280000, 0, text);
    assert_string_equal(text, "2020-03-18T10:28:00Z");
    clock_format_instant(1584527280001, -330, text);
    assert_string_equal(text, "2020-03-18T04:58:00.001-05:30");
}

/* A number no calendar holds prints as the nearest day that is one, within its room. */
static void instants_out_of_range_print_the_edge(void **state)
{
    (void)state;
    char text[36], day[11];
    clock_format_instant(INT64_MAX, 1439, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999+23:59");
    clock_format_day(INT64_MIN, -1439, day);
    assert_string_equal(day, "0001-01-01");
}

/* The coarse clock trails the exact one by ticks, never by more, and time does not go back. */
static void the_clocks_agree(void **state)
{
    (void)state;
    uint64_t before = clock_mono_ns();
    uint64_t coarse = clock_coarse_ns();
    uint64_t after = clock_mono_ns();
    assert_true(after >= before);
    assert_true(coarse <= after && after - coarse < 1000000000u);
    assert_true(clock_now_ms() > 1577836800000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_count_from_1970),
        cmocka_unit_test(every_day_of_the_calendar_round_trips),
        cmocka_unit_test(leap_days_follow_the_gregorian_rule),
        cmocka_unit_test(dates_that_do_not_exist_are_refused),
        cmocka_unit_test(the_edges_of_the_calendar_are_accepted),
        cmocka_unit_test(instants_are_read_with_their_offset),
        cmocka_unit_test(instants_are_read_as_milliseconds),
        cmocka_unit_test(malformed_instants_are_refused),
        cmocka_unit_test(a_day_begins_at_local_midnight),
        cmocka_unit_test(printed_instants_read_back),
        cmocka_unit_test(instants_print_in_one_shape),
        cmocka_unit_test(instants_out_of_range_print_the_edge),
        cmocka_unit_test(the_clocks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
