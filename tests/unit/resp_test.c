#include "wire/resp.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wire_limits limits = {.line_bytes = 64, .message_bytes = 100, .args = 4};
static struct message m;
static struct err err;

static long parse(struct slice in)
{
    return resp_parse(in, &limits, &m, &err);
}

static int close_message(void **state)
{
    (void)state;
    message_close(&m);
    return 0;
}

static void refused(const char *text, int code, const char *rule)
{
    err = (struct err){0};
    long rv = parse(slice_of(text));
    if (rv != code || strcmp(err.rule, rule) != 0 || err.text[0] == '\0')
        fail_msg("'%s' gave %ld, rule '%s', text '%s'", text, rv, err.rule, err.text);
}

/* Command and argument, binary included, point into the bytes they came in. */
static void a_request_is_its_bulk_strings(void **state)
{
    (void)state;
    struct slice in = SLICE("*3\r\n$4\r\nECHO\r\n$0\r\n\r\n$3\r\n\0\r\n\r\n*1\r\n");
    assert_int_equal(parse(in), in.len - 4);
    assert_int_equal(m.nargs, 3);
    assert_true(slice_is(m.args[0], "ECHO"));
    assert_int_equal(m.args[1].len, 0);
    assert_true(slice_eq(m.args[2], SLICE("\0\r\n")));
    assert_ptr_equal(m.args[0].data, in.data + 8);
}

/* An empty array is a request that asks for nothing. */
static void an_empty_array_has_no_arguments(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("*0\r\n")), 4);
    assert_int_equal(m.nargs, 0);
}

/* However the network cuts a request, nothing is decided before it is whole, and complete arguments are seen early. */
static void a_request_arrives_byte_by_byte(void **state)
{
    (void)state;
    struct slice in = SLICE("*3\r\n$4\r\nECHO\r\n$12\r\nhello\r\nworld\r\n$1\r\nx\r\n");
    for (size_t n = 0; n < in.len; n++) {
        assert_int_equal(parse((struct slice){in.data, n}), 0);
        assert_int_equal(m.nargs, (n >= 14) + (n >= 33));
    }
    assert_int_equal(parse(in), in.len);
    assert_int_equal(m.nargs, 3);
}

/* `*01` and `*1` must not be two spellings of one request: somebody between us and the client may read them differently. */
static void numbers_have_one_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "*01\r\n",   "*00\r\n",       "*+1\r\n",   "* 1\r\n",   "*1 \r\n",   "*-1\r\n",
        "*-0\r\n",   "*\r\n",         "*1x",       "*a",        "*0x1\r\n",  "*1.0\r\n",
        "*1\r\n$01", "*1\r\n$-1\r\n", "*1\r\n$+4", "*1\r\n$ 4", "*1\r\n$4 ", "*1\r\n$\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(bad[i], ERR_PROTO, "proto.resp");
}

/* Lines end in CR LF, and so do bodies, exactly where their length says. */
static void line_ends_are_exact(void **state)
{
    (void)state;
    refused("*1\n", ERR_PROTO, "proto.resp");
    refused("*1\rx", ERR_PROTO, "proto.resp");
    refused("*1\r\n$4\n", ERR_PROTO, "proto.resp");
    refused("*1\r\n$4\r\nPINGx", ERR_PROTO, "proto.resp");
    refused("*1\r\n$4\r\nPING\rx", ERR_PROTO, "proto.resp");
    refused("*1\r\n$4\r\nPING\n", ERR_PROTO, "proto.resp");
    refused("*1\r\n$3\r\nPING\r\n", ERR_PROTO, "proto.resp");
}

/* Requests hold bulk strings and nothing else. */
static void other_types_are_refused(void **state)
{
    (void)state;
    refused("PING\r\n", ERR_PROTO, "proto.resp");
    refused("$4\r\n", ERR_PROTO, "proto.resp");
    refused("*1\r\n+", ERR_PROTO, "proto.resp");
    refused("*1\r\n*", ERR_PROTO, "proto.resp");
    refused("*2\r\n$1\r\na\r\n:", ERR_PROTO, "proto.resp");
}

/* A count over the limit is refused at the digit that passes it, before the line has ended. */
static void too_many_arguments_are_refused_at_the_header(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("*4\r\n")), 0);
    refused("*5", ERR_TOOBIG, "proto.args");
    refused("*10", ERR_TOOBIG, "proto.args");
    assert_non_null(strstr(err.text, "4 arguments"));
}

/* So is a length: the body that was announced is never waited for. */
static void too_many_bytes_are_refused_at_the_header(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("*1\r\n$100\r\n")), 0);
    refused("*1\r\n$101", ERR_TOOBIG, "proto.message_bytes");
    assert_non_null(strstr(err.text, "100 bytes"));
}

/* The limit is for all arguments together, and reaching it exactly is allowed. */
static void the_sum_of_the_arguments_is_bounded(void **state)
{
    (void)state;
    char in[200];
    char body[101];
    memset(body, 'x', sizeof(body));
    int n = snprintf(in, sizeof(in), "*2\r\n$60\r\n%.60s\r\n$40\r\n%.40s\r\n", body, body);
    assert_int_equal(parse((struct slice){in, (size_t)n}), n);
    snprintf(in, sizeof(in), "*2\r\n$60\r\n%.60s\r\n$41", body);
    refused(in, ERR_TOOBIG, "proto.message_bytes");
    assert_non_null(strstr(err.text, "100 bytes"));
}

/* Lengths that do not fit 64 bits, and limits that nearly fill them, must not wrap round. */
static void giant_lengths_do_not_wrap(void **state)
{
    (void)state;
    refused("*1\r\n$18446744073709551617\r\n", ERR_TOOBIG, "proto.message_bytes");
    refused("*18446744073709551617\r\n", ERR_TOOBIG, "proto.args");
    struct wire_limits wide = {.line_bytes = SIZE_MAX, .message_bytes = SIZE_MAX, .args = INT32_MAX};
    assert_int_equal(resp_parse(SLICE("*1\r\n$18446744073709551617\r\n"), &wide, &m, &err), ERR_TOOBIG);
    assert_int_equal(resp_parse(SLICE("*1\r\n$2147483648\r\n"), &wide, &m, &err), 0);
}

/* A header line has its own limit, for builds that shrink it. */
static void header_lines_are_bounded(void **state)
{
    (void)state;
    struct wire_limits narrow = {.line_bytes = 2, .message_bytes = 100000, .args = 4};
    assert_int_equal(resp_parse(SLICE("*1\r\n$12\r\n"), &narrow, &m, &err), 0);
    assert_int_equal(resp_parse(SLICE("*1\r\n$123"), &narrow, &m, &err), ERR_TOOBIG);
    assert_string_equal(err.rule, "proto.line_bytes");
}

/* Callers that do not want the words pass no struct. */
static void the_error_may_be_left_out(void **state)
{
    (void)state;
    assert_int_equal(resp_parse(SLICE("x"), &limits, &m, NULL), ERR_PROTO);
    assert_int_equal(resp_parse(SLICE("*9"), &limits, &m, NULL), ERR_TOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_its_bulk_strings),
        cmocka_unit_test(an_empty_array_has_no_arguments),
        cmocka_unit_test(a_request_arrives_byte_by_byte),
        cmocka_unit_test(numbers_have_one_spelling),
        cmocka_unit_test(line_ends_are_exact),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(too_many_arguments_are_refused_at_the_header),
        cmocka_unit_test(too_many_bytes_are_refused_at_the_header),
        cmocka_unit_test(the_sum_of_the_arguments_is_bounded),
        cmocka_unit_test(giant_lengths_do_not_wrap),
        cmocka_unit_test(header_lines_are_bounded),
        cmocka_unit_test(the_error_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, close_message);
}
