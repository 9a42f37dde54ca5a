#include "wire/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void quoted(struct slice text, const char *expected)
{
    struct buf out = {0};
    assert_int_equal(json_quote(text, &out), 0);
    assert_string_equal(buf_cstr(&out), expected);
    struct err err = {0};
    if (!memchr(text.data, '\0', text.len))
        assert_int_equal(json_check(buf_view(&out), 1, &err), 0);
    buf_close(&out);
}

/* What RFC 8259 wants escaped is escaped, the rest stays readable. */
static void strings_are_quoted(void **state)
{
    (void)state;
    quoted(SLICE(""), "\"\"");
    quoted(SLICE("plain 中文 /"), "\"plain 中文 /\"");
    quoted(SLICE("a\"b\\c"), "\"a\\\"b\\\\c\"");
    quoted(SLICE("\n\r\t\b\f\x01\x1f\x7f"), "\"\\n\\r\\t\\b\\f\\u0001\\u001f\x7f\"");
    quoted(SLICE("a\0b"), "\"a\\u0000b\"");
}

/* They end a line in older JavaScript; their neighbours do not. */
static void line_separators_are_escaped(void **state)
{
    (void)state;
    quoted(SLICE("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"");
    quoted(SLICE("\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac"), "\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\"");
}

/* A string that does not fit leaves nothing of itself behind. */
static void quoting_past_the_maximum_changes_nothing(void **state)
{
    (void)state;
    for (size_t max = 1; max < 10; max++) {
        struct buf out;
        buf_init(&out, max + 1);
        buf_byte(&out, '[');
        assert_int_equal(json_quote(SLICE("ab\ncd\"e"), &out), ERR_TOOBIG);
        assert_int_equal(out.len, 1);
        buf_close(&out);
    }
}

static void accepted(struct slice text, int depth)
{
    struct err err = {0};
    if (json_check(text, depth, &err) != 0)
        fail_msg("'%s' was refused: %s", text.data, err.text);
}

static void refused(struct slice text, int depth, const char *rule)
{
    struct err err = {0};
    if (json_check(text, depth, &err) != ERR_ARG || strcmp(err.rule, rule) != 0 || err.text[0] == '\0')
        fail_msg("'%s' gave rule '%s': %s", text.data, err.rule, err.text);
}

/* Any one value is JSON, not only objects. */
static void one_value_is_accepted(void **state)
{
    (void)state;
    accepted(SLICE("{\"a\":[1,2.5,null,true],\"b\":{}}"), 2);
    accepted(SLICE(" \"text\" "), 0);
    accepted(SLICE("-9223372036854775808"), 0);
    accepted(SLICE("\"\\ud83d\\ude00\""), 0);
}

/* Two values, half a value, and the usual extensions. */
static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   " ",  "{",        "1 2",    "{'a':1}", "[1,]",    "{\"a\":}", "nul", "NaN",
                                      "01", "+1", "\"a\nb\"", "// x\n", "[1]]",    "\"\\x\"", "]",        "\"\\"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(slice_of(bad[i]), 10, "json.syntax");
}

/* Two readers of one document must not see two documents. */
static void duplicate_keys_are_refused(void **state)
{
    (void)state;
    refused(SLICE("{\"a\":1,\"a\":2}"), 10, "json.syntax");
    refused(SLICE("[{\"a\":1,\"\\u0061\":2}]"), 10, "json.syntax");
    accepted(SLICE("[{\"a\":1},{\"a\":2}]"), 10);
}

/* NUL characters, half characters and half surrogates do not get in, escaped or not. */
static void text_inside_must_be_utf8_without_nul(void **state)
{
    (void)state;
    refused(SLICE("\"a\0b\""), 10, "json.syntax");
    refused(SLICE("\"\\u0000\""), 10, "json.syntax");
    refused(SLICE("\"\xff\""), 10, "json.syntax");
    refused(SLICE("\"\xed\xa0\x80\""), 10, "json.syntax");
    refused(SLICE("\"\\ud800\""), 10, "json.syntax");
}

/* A NUL between tokens must not hide what follows it. */
static void a_nul_does_not_end_the_text(void **state)
{
    (void)state;
    refused(SLICE("0\0rubbish"), 10, "json.syntax");
    refused(SLICE("{}\0"), 10, "json.syntax");
    refused(SLICE("\0"), 10, "json.syntax");
}

/* The limit is the number of open brackets; brackets inside strings do not count. */
static void nesting_is_bounded(void **state)
{
    (void)state;
    accepted(SLICE("[[{\"a\":[]}]]"), 4);
    refused(SLICE("[[{\"a\":[]}]]"), 3, "json.depth");
    accepted(SLICE("[\"[[[[[[\\\"[[[[\",\"{{{{\"]"), 1);
    accepted(SLICE("[[],[],[]]"), 2);
    char deep[20001] = "";
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    refused((struct slice){deep, 20000}, 32, "json.depth");
}

/* The place helps whoever typed it. */
static void the_place_of_the_fault_is_told(void **state)
{
    (void)state;
    struct err err = {0};
    json_check(SLICE("{\n  \"a\": x}"), 4, &err);
    assert_non_null(strstr(err.text, "line 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_quoted),
        cmocka_unit_test(line_separators_are_escaped),
        cmocka_unit_test(quoting_past_the_maximum_changes_nothing),
        cmocka_unit_test(one_value_is_accepted),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(text_inside_must_be_utf8_without_nul),
        cmocka_unit_test(a_nul_does_not_end_the_text),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(the_place_of_the_fault_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
