#include "wire/line.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wire_limits limits = {.line_bytes = 64, .message_bytes = 40, .args = 4};
static struct message m;
static struct err err;

static long parse(struct slice in)
{
    err = (struct err){0};
    return line_parse(in, &limits, &m, &err);
}

static int close_message(void **state)
{
    (void)state;
    message_close(&m);
    return 0;
}

/* Parse one line and compare its words, which are given joined by '|'. */
static void words(const char *line, const char *joined)
{
    char made[200] = "";
    size_t at = 0;
    assert_int_equal(parse(slice_of(line)), strlen(line));
    for (int i = 0; i < m.nargs; i++) {
        memcpy(made + at, m.args[i].data, m.args[i].len);
        at += m.args[i].len;
        made[at++] = '|';
    }
    made[at ? at - 1 : 0] = '\0';
    assert_string_equal(made, joined);
}

static void refused(struct slice line, int code, const char *rule)
{
    long rv = parse(line);
    if (rv != code || strcmp(err.rule, rule) != 0 || err.text[0] == '\0')
        fail_msg("'%s' gave %ld, rule '%s', text '%s'", line.data, rv, err.rule, err.text);
}

/* Any run of spaces or tabs separates; LF and CR LF end. */
static void words_are_separated_by_spaces(void **state)
{
    (void)state;
    words("PING\n", "PING");
    words("PING\r\n", "PING");
    words("  a \t b  c  \r\n", "a|b|c");
    words("x 中文 é\n", "x|中文|é");
}

/* Somebody pressing return asks for nothing. */
static void an_empty_line_has_no_words(void **state)
{
    (void)state;
    words("\n", "");
    assert_int_equal(m.nargs, 0);
    words("\r\n", "");
    words("  \n", "");
}

/* Only the first line is taken; the rest is the next request. */
static void one_line_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("a b\nc d\n")), 4);
    assert_int_equal(m.nargs, 2);
}

/* Double quotes know the escapes redis-cli knows. */
static void double_quotes_unescape(void **state)
{
    (void)state;
    words("\"a b\" \"\"\n", "a b|");
    assert_int_equal(m.nargs, 2);
    words("\"\\n\\r\\t\\b\\a\\\\\\\"\"\n", "\n\r\t\b\a\\\"");
    words("\"\\x41\\x6a\\xE4\\xB8\\xAD\"\n", "Aj中");
    words("\"\\x30\\x39\\x4F\\x7e\\x0a\"\n", "09O~\n");
    words("\"\\xg1\\q\\x:0\\x0`\"\n", "xg1qx:0x0`");
}

/* Single quotes know only the single quote. */
static void single_quotes_keep_backslashes(void **state)
{
    (void)state;
    words("'a b' 'it\\'s' 'a\\nb'\n", "a b|it's|a\\nb");
    words("'say \"hi\"'\n", "say \"hi\"");
}

/* The value of a named argument may be quoted without quoting its name. */
static void a_value_may_be_quoted_after_its_name(void **state)
{
    (void)state;
    words("give note=\"two words\" x='a b' y=\"\"\n", "give|note=two words|x=a b|y=");
    words("a=b=c\n", "a=b=c");
}

/* Where a quote means nothing, guessing would send something else than was meant. */
static void misplaced_quotes_are_refused(void **state)
{
    (void)state;
    refused(SLICE("it's\n"), ERR_PROTO, "line.quote");
    refused(SLICE("a\"b\"\n"), ERR_PROTO, "line.quote");
    refused(SLICE("\"a\"b\n"), ERR_PROTO, "line.quote");
    refused(SLICE("'a''b'\n"), ERR_PROTO, "line.quote");
    refused(SLICE("a=b=\"c\"\n"), ERR_PROTO, "line.quote");
}

/* A quote that never closes, also when its end is escaped. */
static void unbalanced_quotes_are_refused(void **state)
{
    (void)state;
    refused(SLICE("\"a b\n"), ERR_PROTO, "line.quote");
    refused(SLICE("'a b\n"), ERR_PROTO, "line.quote");
    refused(SLICE("\"a\\\"\n"), ERR_PROTO, "line.quote");
    refused(SLICE("a='\n"), ERR_PROTO, "line.quote");
    refused(SLICE("\"\\\n"), ERR_PROTO, "line.quote");
}

/* NUL, escape sequences and lone carriage returns are not typed by hand. */
static void control_characters_are_refused(void **state)
{
    (void)state;
    refused(SLICE("a\0b\n"), ERR_PROTO, "line.control");
    refused(SLICE("a\x1b[A\n"), ERR_PROTO, "line.control");
    refused(SLICE("a\rb\n"), ERR_PROTO, "line.control");
    refused(SLICE("a\r\r\n"), ERR_PROTO, "line.control");
    refused(SLICE("a\x7f\n"), ERR_PROTO, "line.control");
}

/* The typed line is text; bytes that are not go through \x escapes or RESP. */
static void lines_must_be_utf8(void **state)
{
    (void)state;
    refused(SLICE("a \xff\n"), ERR_PROTO, "line.utf8");
    refused(SLICE("a \xed\xa0\x80\n"), ERR_PROTO, "line.utf8");
    words("\"\\xff\"\n", "\xff");
}

/* A line may be exactly as long as the limit, its end not counted; a longer one is refused before its end has come. */
static void long_lines_are_refused_unended(void **state)
{
    (void)state;
    char line[70];
    memset(line, ' ', sizeof(line));
    line[0] = 'a';
    line[64] = '\n';
    assert_int_equal(parse((struct slice){line, 65}), 65);
    line[64] = '\r';
    assert_int_equal(parse((struct slice){line, 65}), 0);
    line[65] = '\n';
    assert_int_equal(parse((struct slice){line, 66}), 66);
    line[64] = ' ';
    refused((struct slice){line, 65}, ERR_TOOBIG, "proto.line_bytes");
    refused((struct slice){line, 66}, ERR_TOOBIG, "proto.line_bytes");
}

/* Words and bytes obey the same limits as RESP requests. */
static void words_and_their_bytes_are_bounded(void **state)
{
    (void)state;
    words("a b c d\n", "a|b|c|d");
    refused(SLICE("a b c d e\n"), ERR_TOOBIG, "proto.args");
    refused(SLICE("a b c d e f g h i j k l\n"), ERR_TOOBIG, "proto.args");
    words("aaaaaaaaaabbbbbbbbbb aaaaaaaaaabbbbbbbbbb\n", "aaaaaaaaaabbbbbbbbbb|aaaaaaaaaabbbbbbbbbb");
    refused(SLICE("aaaaaaaaaabbbbbbbbbb aaaaaaaaaabbbbbbbbbbc\n"), ERR_TOOBIG, "proto.message_bytes");
}

/* Nothing is decided about a line that has not ended. */
static void a_line_arrives_byte_by_byte(void **state)
{
    (void)state;
    struct slice in = SLICE("give note=\"two \\\"words\\\"\" 'x'\r\n");
    for (size_t n = 0; n < in.len; n++)
        assert_int_equal(parse((struct slice){in.data, n}), 0);
    assert_int_equal(parse(in), in.len);
    assert_int_equal(m.nargs, 3);
}

/* The shell splits what was typed without an end of line, and a slip is the user's, not the protocol's. */
static void splitting_needs_no_line_end(void **state)
{
    (void)state;
    assert_int_equal(line_split(SLICE("give 'a b'"), &m, &err), 0);
    assert_int_equal(m.nargs, 2);
    assert_true(slice_is(m.args[1], "a b"));
    assert_int_equal(line_split(SLICE(""), &m, &err), 0);
    assert_int_equal(m.nargs, 0);
    assert_int_equal(line_split(SLICE("give 'a b"), &m, &err), ERR_ARG);
    assert_string_equal(err.rule, "line.quote");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_separated_by_spaces),
        cmocka_unit_test(an_empty_line_has_no_words),
        cmocka_unit_test(one_line_at_a_time),
        cmocka_unit_test(double_quotes_unescape),
        cmocka_unit_test(single_quotes_keep_backslashes),
        cmocka_unit_test(a_value_may_be_quoted_after_its_name),
        cmocka_unit_test(misplaced_quotes_are_refused),
        cmocka_unit_test(unbalanced_quotes_are_refused),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(lines_must_be_utf8),
        cmocka_unit_test(long_lines_are_refused_unended),
        cmocka_unit_test(words_and_their_bytes_are_bounded),
        cmocka_unit_test(a_line_arrives_byte_by_byte),
        cmocka_unit_test(splitting_needs_no_line_end),
    };
    return cmocka_run_group_tests(tests, NULL, close_message);
}
