#include "wire/codec.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wire_limits limits = {.line_bytes = 200, .message_bytes = 400, .args = 20};
static struct message m;
static struct err err;

static int close_message(void **state)
{
    (void)state;
    message_close(&m);
    return 0;
}

static long parse(enum codec_form form, const char *text)
{
    err = (struct err){0};
    return codec_parse(form, slice_of(text), &limits, &m, &err);
}

/* The first byte decides, and everything that is neither form is nothing. */
static void the_first_byte_chooses_the_form(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        enum codec_form expected = c == '*' ? CODEC_RESP : letter ? CODEC_LINE : CODEC_NONE;
        assert_int_equal(codec_choose((char)c), expected);
    }
}

/* One call parses whatever was chosen. */
static void both_forms_give_the_same_message(void **state)
{
    (void)state;
    assert_int_equal(parse(CODEC_RESP, "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n"), 22);
    assert_int_equal(m.nargs, 2);
    assert_int_equal(parse(CODEC_LINE, "ECHO hi\n"), 8);
    assert_int_equal(m.nargs, 2);
    assert_true(slice_is(m.args[1], "hi"));
}

/* A browser that is tricked into talking to us is stopped at its first line, however odd the line is. */
static void http_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "POST /x HTTP/1.0\n",
        "GET /a'b HTTP/2 \r\n",
        "Host: example.org\r\n",
        "User-Agent: it's \"me\n",
        "Content-Length:\r\n",
        "x: y\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(CODEC_LINE, lines[i]), ERR_PROTO);
        assert_string_equal(err.rule, "http");
    }
}

/* Words that only look a little like HTTP are arguments like others. */
static void ordinary_lines_are_not_http(void **state)
{
    (void)state;
    assert_true(parse(CODEC_LINE, "echo.say HTTP/1.1 now\n") > 0);
    assert_true(parse(CODEC_LINE, "echo.say a: b\n") > 0);
    assert_true(parse(CODEC_LINE, "HTTP/1.1\n") > 0);
    assert_true(parse(CODEC_LINE, "echo.say xHTTP/1.1\n") > 0);
    assert_true(parse(CODEC_LINE, "\r\n") > 0);
    assert_true(parse(CODEC_LINE, "echo.say HTTP\n") > 0);
    assert_int_equal(parse(CODEC_LINE, "GET / HTTP/1.1"), 0);
    assert_int_equal(parse(CODEC_LINE, ""), 0);
}

/* A form nobody chose cannot be parsed. */
static void no_form_is_a_protocol_error(void **state)
{
    (void)state;
    assert_int_equal(parse(CODEC_NONE, "{}"), ERR_PROTO);
    assert_string_equal(err.rule, "proto.form");
}

/* RESP3 only for those who asked for it; a person at a terminal reads RESP2. */
static void rendering_follows_form_and_version(void **state)
{
    (void)state;
    static const struct {
        enum codec_form form;
        int proto;
        const char *expected;
    } cases[] = {
        {CODEC_RESP, 3, "_\r\n"}, {CODEC_RESP, 2, "$-1\r\n"}, {CODEC_LINE, 2, "$-1\r\n"}, {CODEC_LINE, 3, "$-1\r\n"}};
    for (size_t i = 0; i < 4; i++) {
        struct buf out = {0};
        assert_int_equal(codec_render(cases[i].form, cases[i].proto, SLICE("_\r\n"), &out), 0);
        assert_string_equal(buf_cstr(&out), cases[i].expected);
        buf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_byte_chooses_the_form),
        cmocka_unit_test(both_forms_give_the_same_message),
        cmocka_unit_test(http_is_refused),
        cmocka_unit_test(ordinary_lines_are_not_http),
        cmocka_unit_test(no_form_is_a_protocol_error),
        cmocka_unit_test(rendering_follows_form_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, close_message);
}
