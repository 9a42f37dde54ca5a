#include "script/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Chains of a.b.c in sources that a plugin brings. */

/* `begin`, then `link` n times, then `end`. */
static bool repeated(const char *begin, const char *link, int n, const char *end)
{
    struct buf text = {0};
    buf_text(&text, begin);
    for (int i = 0; i < n; i++)
        buf_text(&text, link);
    buf_text(&text, end);
    bool is_long = chain_look(buf_view(&text)) != CHAIN_FINE;
    buf_close(&text);
    return is_long;
}

/* Every way to write one more link counts, and nothing that Lua skips begins anew. */
static void links_are_counted_however_they_are_written(void **state)
{
    (void)state;
    static const char *const links[] = {
        ".x",
        ".x ",
        " . x",
        "\n.\nx",
        ".x--\n",
        ".x--[[ = ]]",
        ".--[==[,]]]==]x",
        "[k]",
        "[k + 1]",
        "[ 'a]=b' ]",
        "[\"\\\"=\"]",
        "[ [[,]] ]",
        "[ [=[=]]]=] ]",
        "[f(1, 2)]",
        "[{ 1, 2 }]",
        "[a.b == c]",
        "[1e+5]",
        "[(k)]",
        "[function() return 1 end]",
    };
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (repeated("return a", links[i], CHAIN_MAX, " + 1"))
            fail_msg("%d times %s is too long already", CHAIN_MAX, links[i]);
        if (!repeated("return a", links[i], CHAIN_MAX + 1, " + 1"))
            fail_msg("%s is not counted", links[i]);
    }
}

/* In a key, and in parentheses, the chain goes on. */
static void brackets_do_not_hide_links(void **state)
{
    (void)state;
    assert_true(repeated("return b[a", ".x", CHAIN_MAX + 1, "]"));
    assert_true(repeated("return b[a", ".x", CHAIN_MAX, "].y"));
    assert_true(repeated("return (a", ".x", CHAIN_MAX, ").y"));
    assert_true(repeated("return ((a.x).x", ".x", CHAIN_MAX - 1, ")"));
    assert_true(repeated("return ((((((b[a", ".x", CHAIN_MAX, "]))))).y)"));
    assert_false(repeated("return ", "(", 100000, "a"));
}

/* `and` and `or` of one expression, whatever stands between them. */
static void choices_are_counted(void **state)
{
    (void)state;
    static const char *const links[] = {" or a",      " and a",    " or --,\n a",  " or (b)",    " or f(a, b = c)",
                                        " or 'a, b'", " or not a", " or { a, b }", " or a == b", " or a <= b"};
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (repeated("return a", links[i], CHOICES_MAX, ""))
            fail_msg("%d times %s is too much already", CHOICES_MAX, links[i]);
        if (!repeated("return a", links[i], CHOICES_MAX + 1, ""))
            fail_msg("%s is not counted", links[i]);
    }
    assert_true(repeated("return (a", " or a", CHOICES_MAX + 1, ")"));
    assert_true(repeated("return f(a", " or a", CHOICES_MAX + 1, ")"));
}

/* What many ordinary expressions have together is not one chain. */
static void what_begins_anew_is_not_counted(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a.b.c = d.e.f\n",
        "a.b()\n",
        "a.b(c.d, e.f)\n",
        "f { a.b, c = d.e }\n",
        "x = a.b .. c.d\n",
        "x = a.b + (c.d)\n",
        "::l:: ",
        "x = 1.5 y = .5\n",
        "a.b 'c' ",
        "local x <const> = a.b\n",
        "a.b:c(d.e)\n",
        "x = ...\n",
        "x = a or b\n",
        "f(a or b)\n",
        "return a or b ",
        "if a or b then c() end\n",
        "{ a or b, c and d }\n",
        "return -a.b\n",
        "if a.b then c.d() end\n",
        "'a.b.c'",
        "-- a.b.c\n",
        "--[[ a.b.c ]]",
        "[[a.b]]",
        "x = 0x1p-4 .. y\n",
    };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        if (repeated("", pieces[i], 1000, ""))
            fail_msg("%s: not one chain", pieces[i]);
}

/* Whatever the bytes are, it comes to an end, inside of them. */
static void what_is_no_lua_is_read_to_its_end(void **state)
{
    (void)state;
    static const char *const texts[] = {"",  "'", "\"\\", "[[", "[=", "[==[", "--",       "--[", "--[[", "]]", ")))",
                                        "}", ".", "..",   ":",  "1e", "1e+",  "\xff\xfe", "a.",  "a[",   "\\"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *exact = malloc(strlen(texts[i]) + 1); /* so that a sanitizer sees the first byte behind */
        memcpy(exact, texts[i], strlen(texts[i]));
        assert_int_equal(chain_look((struct slice){exact, strlen(texts[i])}), CHAIN_FINE);
        free(exact);
    }
    assert_int_equal(chain_look((struct slice){NULL, 0}), CHAIN_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_counted_however_they_are_written),
        cmocka_unit_test(brackets_do_not_hide_links),
        cmocka_unit_test(choices_are_counted),
        cmocka_unit_test(what_begins_anew_is_not_counted),
        cmocka_unit_test(what_is_no_lua_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
