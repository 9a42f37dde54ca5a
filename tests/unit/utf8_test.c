#include "base/utf8.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Plain text of every length around a machine word, and the edges of each encoded length. */
static void well_formed_text_is_valid(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'a', sizeof(text));
    for (size_t n = 0; n <= sizeof(text); n++)
        assert_true(utf8_valid((struct slice){text, n}));
    assert_true(utf8_valid(SLICE("\x01\x7f")));
    assert_true(utf8_valid(SLICE("\xc2\x80\xdf\xbf")));
    assert_true(utf8_valid(SLICE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd")));
    assert_true(utf8_valid(SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
    assert_true(utf8_valid((struct slice){NULL, 0}));
}

/* One character with two spellings is how filters are passed by. */
static void overlong_forms_are_refused(void **state)
{
    (void)state;
    assert_false(utf8_valid(SLICE("\xc0\xaf")));
    assert_false(utf8_valid(SLICE("\xc1\xbf")));
    assert_false(utf8_valid(SLICE("\xe0\x80\xaf")));
    assert_false(utf8_valid(SLICE("\xe0\x9f\xbf")));
    assert_false(utf8_valid(SLICE("\xf0\x80\x80\xaf")));
    assert_false(utf8_valid(SLICE("\xf0\x8f\xbf\xbf")));
}

/* Surrogates belong to UTF-16, and there is nothing above U+10FFFF. */
static void surrogates_and_giants_are_refused(void **state)
{
    (void)state;
    assert_false(utf8_valid(SLICE("\xed\xa0\x80")));
    assert_false(utf8_valid(SLICE("\xed\xbf\xbf")));
    assert_false(utf8_valid(SLICE("\xf4\x90\x80\x80")));
    assert_false(utf8_valid(SLICE("\xf5\x80\x80\x80")));
    assert_false(utf8_valid(SLICE("\xff")));
}

/* A character cut short, at the end or by the next one, and a continuation byte alone. */
static void broken_sequences_are_refused(void **state)
{
    (void)state;
    assert_false(utf8_valid(SLICE("\x80")));
    assert_false(utf8_valid(SLICE("\xe4\xb8")));
    assert_false(utf8_valid(SLICE("\xe4\xb8x")));
    assert_false(utf8_valid(SLICE("\xf0\xa0\x80")));
    assert_false(utf8_valid(SLICE("\xc2")));
}

/* NUL ends C strings, so it may not hide inside text; the fast path over eight bytes must see it too. */
static void nul_is_refused_at_every_place(void **state)
{
    (void)state;
    for (size_t at = 0; at < 24; at++) {
        char text[24];
        memset(text, 'a', sizeof(text));
        text[at] = '\0';
        assert_false(utf8_valid((struct slice){text, sizeof(text)}));
        text[at] = (char)0x80;
        assert_false(utf8_valid((struct slice){text, sizeof(text)}));
    }
}

/* People count characters, not bytes. */
static void characters_are_counted(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(SLICE("")), 0);
    assert_int_equal(utf8_count(SLICE("abc")), 3);
    assert_int_equal(utf8_count(SLICE("中文é𠀀")), 4);
}

/* A cut never leaves half a character, and never goes past the end. */
static void a_cut_falls_between_characters(void **state)
{
    (void)state;
    struct slice s = SLICE("a中𠀀");
    static const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8, 8};
    for (size_t bytes = 0; bytes < 11; bytes++)
        assert_int_equal(utf8_cut(s, bytes), expected[bytes]);
    assert_int_equal(utf8_cut((struct slice){NULL, 0}, 5), 0);
}

/* Tables line up only when wide characters count double. */
static void width_counts_terminal_columns(void **state)
{
    (void)state;
    assert_int_equal(utf8_width(SLICE("abc")), 3);
    assert_int_equal(utf8_width(SLICE("中文")), 4);
    assert_int_equal(utf8_width(SLICE("e\xcc\x81")), 1);
    assert_int_equal(utf8_width(SLICE("")), 0);
    assert_int_equal(utf8_width(SLICE("\xff"
                                      "a")),
                     2);
}

/* Two spellings of one letter become one. */
static void nfc_joins_combining_characters(void **state)
{
    (void)state;
    struct buf out = {0};
    struct err err = {0};
    assert_int_equal(utf8_nfc(SLICE("e\xcc\x81"), &out, &err), 0);
    assert_true(slice_is(buf_view(&out), "\xc3\xa9"));
    assert_int_equal(utf8_nfc(SLICE("plain text, long"), &out, &err), 0);
    assert_true(slice_is(buf_view(&out), "\xc3\xa9plain text, long"));
    buf_close(&out);
}

/* A refusal appends nothing. */
static void nfc_refuses_what_is_not_utf8_or_too_long(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 5);
    struct err err = {0};
    assert_int_equal(utf8_nfc(SLICE("a\xff"), &out, &err), ERR_ARG);
    assert_string_equal(err.rule, "text.utf8");
    assert_int_equal(utf8_nfc(SLICE("a\0"), &out, &err), ERR_ARG);
    assert_int_equal(utf8_nfc(SLICE("中文"), &out, &err), ERR_TOOBIG);
    assert_string_equal(err.rule, "text.size");
    assert_int_equal(utf8_nfc(SLICE("abcdef"), &out, &err), ERR_TOOBIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(utf8_nfc(SLICE("中"), &out, &err), 0);
    buf_close(&out);
}

/* Write `letter` and `marks` combining marks, again and again. */
static struct slice marked(const char *letter, int marks, size_t times)
{
    static char text[1024 * 1024 + 1];
    size_t len = 0;
    for (size_t i = 0; i < times; i++) {
        len += (size_t)sprintf(text + len, "%s", letter);
        for (int j = 0; j < marks; j++)
            len += (size_t)sprintf(text + len, "%s", j % 2 ? "\xcc\x96" : "\xcc\x81"); /* U+0316, U+0301 */
    }
    return (struct slice){text, len};
}

/* Marks are put in order, which takes the square of how many there are; so a letter has at most thirty. */
static void nfc_takes_thirty_marks_in_a_row(void **state)
{
    (void)state;
    struct buf out = {0};
    struct err err = {0};
    assert_int_equal(utf8_nfc(marked("a", 30, 10000), &out, &err), 0);
    assert_int_equal(out.len, 10000 * (2 + 2 * 29)); /* the first joins its letter */
    buf_clear(&out);
    assert_int_equal(utf8_nfc(marked("a", 31, 1), &out, &err), ERR_ARG);
    assert_string_equal(err.rule, "text.marks");
    assert_non_null(strstr(err.text, "more than 30 combining marks"));
    assert_int_equal(utf8_nfc(marked("", 31, 1), &out, &err), ERR_ARG);
    assert_int_equal(utf8_nfc(marked("a", 500000, 1), &out, &err), ERR_ARG);
    assert_int_equal(out.len, 0);
    buf_close(&out);
}

static void nfc_takes_a_mib(void **state)
{
    (void)state;
    struct buf out = {0};
    struct err err = {0};
    assert_int_equal(utf8_nfc(marked("a", 0, 1024 * 1024), &out, &err), 0);
    assert_int_equal(utf8_nfc(marked("\xe4\xb8\xad", 0, 1024 * 1024 / 3), &out, &err), 0);
    buf_clear(&out);
    struct slice longer = marked("a", 0, 1024 * 1024);
    longer.len++; /* its NUL */
    assert_int_equal(utf8_nfc(longer, &out, &err), ERR_TOOBIG);
    assert_string_equal(err.rule, "text.size");
    assert_int_equal(out.len, 0);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_valid),         cmocka_unit_test(overlong_forms_are_refused),
        cmocka_unit_test(surrogates_and_giants_are_refused), cmocka_unit_test(broken_sequences_are_refused),
        cmocka_unit_test(nul_is_refused_at_every_place),     cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(a_cut_falls_between_characters),    cmocka_unit_test(width_counts_terminal_columns),
        cmocka_unit_test(nfc_joins_combining_characters),    cmocka_unit_test(nfc_refuses_what_is_not_utf8_or_too_long),
        cmocka_unit_test(nfc_takes_thirty_marks_in_a_row),   cmocka_unit_test(nfc_takes_a_mib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
