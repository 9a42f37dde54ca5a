#include "plugin/version.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct version version(const char *text)
{
    struct version v;
    struct err err = {0};
    if (version_parse(slice_of(text), &v, &err) != 0)
        fail_msg("%s", err.text);
    return v;
}

/* The order of semver.org §11, with its own examples: each is below the next. */
static void versions_are_ordered_as_semver_says(void **state)
{
    (void)state;
    static const char *const rising[] = {
        "0.0.0",         "0.0.1",
        "0.9.10",        "0.10.0",
        "1.0.0-0",       "1.0.0-2",
        "1.0.0-10",      "1.0.0-alpha",
        "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta",    "1.0.0-beta.2",
        "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0-rc.1.0",  "1.0.0",
        "1.0.1-a",       "1.0.1",
        "1.2.0",         "2.0.0",
        "10.0.0",        "999999.999999.999999",
    };
    const size_t n = sizeof(rising) / sizeof(rising[0]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            struct version a = version(rising[i]), b = version(rising[j]);
            int order = version_compare(&a, &b), wanted = (i > j) - (i < j);
            if ((order > 0) - (order < 0) != wanted)
                fail_msg("%s and %s: %d", rising[i], rising[j], order);
        }
}

/* What is no version is refused, and the refusal shows how one is written. */
static void malformed_versions_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "1",
        "1.2",
        "1.2.",
        "1.2.3.4",
        "1.2.x",
        "v1.2.3",
        " 1.2.3",
        "1.2.3 ",
        "01.2.3",
        "1.02.3",
        "1.2.03",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3-a.",
        "1.2.3-.a",
        "1.2.3-01",
        "1.2.3-a_b",
        "1.2.3+b1",
        "1.2.3-rc+1",
        "-1.2.3",
        "1000000.0.0",
        "1.2.3-a b",
        "1,2,3",
        "1.2.99999999999999999999",
        "1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct version v;
        struct err err = {0};
        if (version_parse(slice_of(wrong[i]), &v, &err) != ERR_ARG)
            fail_msg("accepted \"%s\"", wrong[i]);
        assert_string_equal(err.rule, "version.form");
        assert_non_null(strstr(err.text, "1.4.0"));
    }
    struct version v = version("1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(strlen(v.pre), 31);
    assert_int_equal(version_parse((struct slice){"1.2.34", 5}, &v, NULL), 0); /* not NUL-terminated */
    assert_int_equal(v.patch, 3);
    assert_int_equal(version_parse((struct slice){NULL, 0}, &v, NULL), ERR_ARG);
}

/* All comparisons of a range must hold; missing parts are 0. */
static void a_range_holds_when_all_its_comparisons_do(void **state)
{
    (void)state;
    static const struct {
        const char *range, *version;
        bool holds;
    } rows[] = {
        {"*", "0.0.1", true},         {"", "3.0.0", true},
        {">=1.2 <2", "1.1.9", false}, {">=1.2 <2", "1.2.0", true},
        {">=1.2 <2", "1.99.0", true}, {">=1.2 <2", "2.0.0", false},
        {"=1.0.3", "1.0.3", true},    {"=1.0.3", "1.0.4", false},
        {"=1", "1.0.0", true},        {">1.0.0", "1.0.0", false},
        {">1.0.0", "1.0.1", true},    {"<=2", "2.0.0", true},
        {"<=2", "2.0.1", false},      {"  >=1   <3  ", "2.5.0", true},
        {">=2 <1", "1.5.0", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct version v = version(rows[i].version);
        struct err err = {0};
        if (range_check(slice_of(rows[i].range), &err) != 0)
            fail_msg("%s", err.text);
        if (range_holds(slice_of(rows[i].range), &v) != rows[i].holds)
            fail_msg("\"%s\" and %s", rows[i].range, rows[i].version);
    }
}

/* Who asks for releases gets no pre-release; who names one gets it and what follows. */
static void a_pre_release_is_only_in_a_range_that_names_one(void **state)
{
    (void)state;
    struct version rc = version("2.0.0-rc.1"), later = version("2.0.0-rc.2"), release = version("2.0.0");
    assert_false(range_holds(SLICE("*"), &rc));
    assert_false(range_holds(SLICE(">=1"), &rc));
    assert_false(range_holds(SLICE("<2"), &rc));
    assert_true(range_holds(SLICE(">=2.0.0-rc.1"), &rc));
    assert_true(range_holds(SLICE(">=2.0.0-rc.1"), &later));
    assert_true(range_holds(SLICE(">=2.0.0-rc.1"), &release));
    assert_false(range_holds(SLICE(">=2.0.0-rc.2"), &rc));
    assert_true(range_holds(SLICE("=2.0.0-rc.1"), &rc));
}

/* Carets, alternatives and the like are refused, not taken for something else. */
static void malformed_ranges_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "1.0.0",     "^1.2",   "~1.2", ">=1 || <3", ">= 1",
        "==1",       "=>1",    "<>1",  ">=",        ">=1.",
        ">=1.2.3.4", "1.x",    "**",   "* >=1",     " ",
        ">=1,<2",    ">=1-rc", ">=01", "=1.0.0+b",  ">1 >1 >1 >1 >1 >1 >1 >1 >1",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        struct version v = version("1.0.0");
        if (range_check(slice_of(wrong[i]), &err) != ERR_ARG)
            fail_msg("accepted \"%s\"", wrong[i]);
        assert_string_equal(err.rule, "version.range");
        assert_false(range_holds(slice_of(wrong[i]), &v));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_ordered_as_semver_says),
        cmocka_unit_test(malformed_versions_are_refused),
        cmocka_unit_test(a_range_holds_when_all_its_comparisons_do),
        cmocka_unit_test(a_pre_release_is_only_in_a_range_that_names_one),
        cmocka_unit_test(malformed_ranges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
