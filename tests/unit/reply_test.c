#include "wire/reply.h"

#include "base/utf8.h"
#include "wire/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct buf out;
static struct reply r;

static int begin(void **state)
{
    (void)state;
    out = (struct buf){0};
    reply_begin(&r, &out, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_close(&out);
    return 0;
}

/* Finish the reply, compare its bytes, and have the reader agree that it is one whole value. */
static void wrote(const char *expected)
{
    assert_int_equal(reply_finish(&r), 0);
    assert_string_equal(buf_cstr(&out), expected);
    assert_int_equal(reader_measure(buf_view(&out)), strlen(expected));
    buf_truncate(&out, 0);
    reply_begin(&r, &out, 0);
}

static void broken(int code)
{
    assert_int_equal(reply_finish(&r), code);
    assert_int_equal(out.len, 0);
    reply_begin(&r, &out, 0);
}

/* Every scalar has one spelling. */
static void scalars_are_canonical(void **state)
{
    (void)state;
    reply_null(&r);
    wrote("_\r\n");
    reply_bool(&r, true);
    wrote("#t\r\n");
    reply_bool(&r, false);
    wrote("#f\r\n");
    reply_int(&r, INT64_MIN);
    wrote(":-9223372036854775808\r\n");
    reply_text(&r, SLICE("中"));
    wrote("$3\r\n中\r\n");
    reply_text(&r, slice_of(NULL));
    wrote("$0\r\n\r\n");
    reply_cstr(&r, NULL);
    wrote("_\r\n");
    reply_blob(&r, SLICE("ab"));
    wrote("=6\r\nbin:ab\r\n");
    reply_status(&r, "OK");
    wrote("+OK\r\n");
}

/* Every type of value has its form; JSON travels as its text. */
static void values_are_written_by_type(void **state)
{
    (void)state;
    struct value values[] = {
        value_null(),
        value_int(-5),
        {.type = VALUE_DOUBLE, .d = 1.5},
        value_bool(true),
        value_text(SLICE("t")),
        {.type = VALUE_BLOB, .s = SLICE("b")},
        {.type = VALUE_JSON, .s = SLICE("{}")},
    };
    reply_array_open(&r);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        reply_value(&r, &values[i]);
    reply_close(&r);
    wrote("*7\r\n_\r\n:-5\r\n,1.5\r\n#t\r\n$1\r\nt\r\n=5\r\nbin:b\r\n$2\r\n{}\r\n");
}

/* The text is the shortest of those that read back the same, and RESP3's words stand for what is no number. */
static void doubles_read_back_the_same(void **state)
{
    (void)state;
    static const double numbers[] = {0.1, 1.0 / 3, 1e300, 5e-324, -0.0, 123456789012345680.0, 1e21, 2.5};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        reply_double(&r, numbers[i]);
        assert_int_equal(reply_finish(&r), 0);
        struct reader rd = {buf_view(&out)};
        struct node node;
        assert_int_equal(reader_next(&rd, &node), 1);
        assert_memory_equal(&node.d, &numbers[i], sizeof(double));
        buf_truncate(&out, 0);
        reply_begin(&r, &out, 0);
    }
    reply_double(&r, 0.1);
    wrote(",0.1\r\n");
    reply_double(&r, HUGE_VAL);
    wrote(",inf\r\n");
    reply_double(&r, -HUGE_VAL);
    wrote(",-inf\r\n");
    reply_double(&r, NAN);
    wrote(",nan\r\n");
}

/* A container's count is written when it closes; 9, 10, 99, 100 … are where it grows by a digit. */
static void counts_of_every_length_are_patched(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 9, 10, 11, 99, 100, 999, 1000, 12345};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        reply_array_open(&r);
        for (int k = 0; k < counts[i]; k++)
            reply_int(&r, k);
        reply_close(&r);
        assert_int_equal(reply_finish(&r), 0);
        struct reader rd = {buf_view(&out)};
        struct node node;
        assert_int_equal(reader_next(&rd, &node), 1);
        assert_int_equal(node.count, counts[i]);
        for (int k = 0; k < counts[i]; k++) {
            assert_int_equal(reader_next(&rd, &node), 1);
            assert_int_equal(node.i, k);
        }
        assert_int_equal(rd.rest.len, 0);
        buf_truncate(&out, 0);
        reply_begin(&r, &out, 0);
    }
}

/* Growing an inner header moves bytes that lie inside outer containers, and only those. */
static void nested_containers_keep_their_bytes(void **state)
{
    (void)state;
    reply_map_open(&r);
    reply_key_cstr(&r, "name", "x");
    reply_key(&r, "rows");
    reply_array_open(&r);
    for (int i = 0; i < 12; i++) {
        reply_map_open(&r);
        reply_key_int(&r, "i", i);
        reply_close(&r);
    }
    reply_close(&r);
    reply_key_bool(&r, "more", false);
    reply_close(&r);
    wrote("%3\r\n$4\r\nname\r\n$1\r\nx\r\n$4\r\nrows\r\n*12\r\n"
          "%1\r\n$1\r\ni\r\n:0\r\n%1\r\n$1\r\ni\r\n:1\r\n%1\r\n$1\r\ni\r\n:2\r\n%1\r\n$1\r\ni\r\n:3\r\n"
          "%1\r\n$1\r\ni\r\n:4\r\n%1\r\n$1\r\ni\r\n:5\r\n%1\r\n$1\r\ni\r\n:6\r\n%1\r\n$1\r\ni\r\n:7\r\n"
          "%1\r\n$1\r\ni\r\n:8\r\n%1\r\n$1\r\ni\r\n:9\r\n%1\r\n$1\r\ni\r\n:10\r\n%1\r\n$1\r\ni\r\n:11\r\n"
          "$4\r\nmore\r\n#f\r\n");
}

/* One reply is one value: none, two, an open or an overclosed container is a plugin's mistake. */
static void unbalanced_replies_are_refused(void **state)
{
    (void)state;
    broken(ERR_INTERNAL);
    reply_int(&r, 1);
    reply_int(&r, 2);
    broken(ERR_INTERNAL);
    reply_array_open(&r);
    broken(ERR_INTERNAL);
    reply_close(&r);
    broken(ERR_INTERNAL);
    reply_array_open(&r);
    reply_close(&r);
    reply_close(&r);
    broken(ERR_INTERNAL);
}

/* A map is pairs, and its keys are text. */
static void map_keys_are_text(void **state)
{
    (void)state;
    reply_map_open(&r);
    reply_int(&r, 1);
    broken(ERR_INTERNAL);
    reply_map_open(&r);
    reply_key(&r, "a");
    reply_close(&r);
    broken(ERR_INTERNAL);
    reply_map_open(&r);
    reply_key(&r, "a");
    reply_key(&r, "b");
    broken(ERR_INTERNAL);
    reply_key(&r, "a");
    broken(ERR_INTERNAL);
    reply_array_open(&r);
    reply_key(&r, "a");
    broken(ERR_INTERNAL);
    reply_map_open(&r);
    reply_text(&r, SLICE("a"));
    reply_null(&r);
    reply_close(&r);
    wrote("%1\r\n$1\r\na\r\n_\r\n");
}

/* As deep as the reader goes, and not one level more. */
static void depth_is_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < REPLY_DEPTH_MAX; i++)
        reply_array_open(&r);
    for (int i = 0; i < REPLY_DEPTH_MAX; i++)
        reply_close(&r);
    assert_int_equal(reply_finish(&r), 0);
    assert_int_equal(reader_measure(buf_view(&out)), 4 * REPLY_DEPTH_MAX);
    buf_truncate(&out, 0);
    reply_begin(&r, &out, 0);
    for (int i = 0; i <= REPLY_DEPTH_MAX; i++)
        reply_array_open(&r);
    broken(ERR_INTERNAL);
}

/* A line break in a status would be a second reply. */
static void a_status_is_one_printable_line(void **state)
{
    (void)state;
    reply_status(&r, "OK\r\n+EVIL");
    broken(ERR_INTERNAL);
    reply_status(&r, "\x1b[0m");
    broken(ERR_INTERNAL);
}

/* Of every length the limit allows the reply is whole; with one byte less it is refused and gone. */
static void the_limit_of_a_reply_is_exact(void **state)
{
    (void)state;
    static const char whole[] = "*10\r\n$1\r\na\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n";
    buf_text(&out, "before");
    for (size_t max = 1; max < sizeof(whole) + 3; max++) {
        reply_begin(&r, &out, max);
        reply_array_open(&r);
        reply_cstr(&r, "a");
        for (int i = 0; i < 9; i++)
            reply_int(&r, 0);
        reply_close(&r);
        bool fits = max >= sizeof(whole) - 1;
        assert_int_equal(reply_finish(&r), fits ? 0 : ERR_TOOBIG);
        assert_int_equal(out.len, fits ? 6 + sizeof(whole) - 1 : 6);
        if (fits)
            assert_string_equal(buf_cstr(&out) + 6, whole);
        buf_truncate(&out, 6);
    }
}

/* The buffer's own maximum holds too. */
static void the_limit_of_the_buffer_counts(void **state)
{
    (void)state;
    out.max = 10;
    reply_text(&r, SLICE("0123456789"));
    broken(ERR_TOOBIG);
}

/* The first failure is the one that is told. */
static void the_first_failure_sticks(void **state)
{
    (void)state;
    reply_begin(&r, &out, 8);
    reply_array_open(&r);
    reply_text(&r, SLICE("too long"));
    reply_close(&r);
    reply_close(&r);
    reply_close(&r);
    broken(ERR_TOOBIG);
}

/* A command that fails late throws away what it has written and says so instead. */
static void a_reply_may_be_written_anew(void **state)
{
    (void)state;
    reply_array_open(&r);
    reply_int(&r, 1);
    reply_restart(&r);
    reply_status(&r, "OK");
    wrote("+OK\r\n");
}

/* A stored or invoked reply fits where one value is expected, as key too if it is text. */
static void raw_values_are_elements(void **state)
{
    (void)state;
    reply_map_open(&r);
    reply_raw(&r, SLICE("$1\r\nk\r\n"));
    reply_raw(&r, SLICE("*2\r\n:1\r\n%1\r\n$1\r\na\r\n=5\r\nbin:x\r\n"));
    reply_close(&r);
    wrote("%1\r\n$1\r\nk\r\n*2\r\n:1\r\n%1\r\n$1\r\na\r\n=5\r\nbin:x\r\n");
}

/* Bytes that are not exactly one canonical value would shift everything behind them. */
static void raw_bytes_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":1",
        ":1\r\n:2\r\n",
        "*2\r\n:1\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "~1\r\n:1\r\n",
        ">1\r\n:1\r\n",
        "!3\r\nabc\r\n",
        "=5\r\ntxt:x\r\n",
        "|1\r\n$1\r\na\r\n#t\r\n:1\r\n",
        "*1\r\n|1\r\n$1\r\na\r\n#t\r\n:1\r\n",
        "%1\r\n:1\r\n:2\r\n",
        "%1\r\n*0\r\n:2\r\n",
        ":01\r\n",
        "hello\r\n",
        "+OK\r\n",
        "-STATE no\r\n",
        "*2\r\n:1\r\n-NOAUTH sign in\r\n",
        "%1\r\n$1\r\na\r\n+OK\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reply_raw(&r, slice_of(bad[i]));
        if (reply_finish(&r) != ERR_INTERNAL)
            fail_msg("'%s' was accepted", bad[i]);
        reply_begin(&r, &out, 0);
    }
}

/* The levels of a raw value count together with those it is put into. */
static void raw_values_obey_the_depth(void **state)
{
    (void)state;
    for (int inside = 30; inside <= 31; inside++) {
        char deep[4 * 31 + 1] = "";
        for (int i = 0; i < inside; i++)
            memcpy(deep + 4 * i, i + 1 < inside ? "*1\r\n" : "*0\r\n", 5);
        reply_array_open(&r);
        reply_array_open(&r);
        reply_raw(&r, slice_of(deep));
        reply_close(&r);
        reply_close(&r);
        assert_int_equal(reply_finish(&r), inside == 30 ? 0 : ERR_INTERNAL);
        buf_truncate(&out, 0);
        reply_begin(&r, &out, 0);
    }
}

/* An error without details is a plain line. */
static void a_bare_error_has_no_attribute(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_NOCOMMAND, "unknown command 'GET'");
    reply_error(&out, &err);
    assert_string_equal(buf_cstr(&out), "-ERR unknown command 'GET'\r\n");
}

/* Everything the struct says arrives at the reader, with the hint that it may be sent again. */
static void errors_carry_their_details(void **state)
{
    (void)state;
    struct err err = {
        .code = ERR_BUSY, .rule = "lane.queue", .arg = "a", .state = "full", .allowed = "x,y", .text = "later"};
    reply_error(&out, &err);
    assert_string_equal(buf_cstr(&out),
                        "|5\r\n$4\r\nrule\r\n$10\r\nlane.queue\r\n$3\r\narg\r\n$1\r\na\r\n"
                        "$5\r\nstate\r\n$4\r\nfull\r\n$7\r\nallowed\r\n$3\r\nx,y\r\n$5\r\nretry\r\n#t\r\n"
                        "-BUSY lane.queue: later\r\n");
    struct err back;
    assert_true(reader_error(buf_view(&out), &back));
    assert_memory_equal(&back, &err, sizeof(err));
}

/* Error texts quote what clients sent: that must neither forge a reply nor break one. */
static void error_texts_are_made_harmless(void **state)
{
    (void)state;
    struct err err = {.code = ERR_ARG, .arg = "a\r\nb"};
    strcpy(err.text, "bad\r\n+OK\t\x1b\x7f\xc2\x9b\xff中é");
    reply_error(&out, &err);
    assert_non_null(strstr(buf_cstr(&out), "-ARG bad  +OK    ?中é\r\n"));
    assert_non_null(strstr(buf_cstr(&out), "$4\r\na  b\r\n"));
    assert_int_equal(reader_measure(buf_view(&out)), out.len);
    assert_true(utf8_valid(buf_view(&out)));
}

/* The longest error there can be fits and reads back. */
static void the_longest_error_round_trips(void **state)
{
    (void)state;
    struct err err = {.code = ERR_STATE}, back;
    memset(err.rule, 'r', sizeof(err.rule) - 1);
    memset(err.arg, 'a', sizeof(err.arg) - 1);
    memset(err.state, 's', sizeof(err.state) - 1);
    memset(err.allowed, 'b', sizeof(err.allowed) - 1);
    memset(err.text, 't', sizeof(err.text) - 1);
    reply_error(&out, &err);
    assert_true(reader_error(buf_view(&out), &back));
    assert_memory_equal(&back, &err, sizeof(err));
}

/* An error that does not fit leaves no torn bytes. */
static void an_error_past_the_maximum_writes_nothing(void **state)
{
    (void)state;
    out.max = 40;
    struct err err = {.code = ERR_BUSY, .rule = "lane.queue", .text = "a text that does not fit any more"};
    reply_error(&out, &err);
    assert_int_equal(out.len, 0);
}

/* The mark stands in front of the reply, together with what an error says about itself, and only once. */
static void replayed_replies_are_marked_once(void **state)
{
    (void)state;
    reply_replayed(&out, SLICE(":1\r\n"));
    assert_string_equal(buf_cstr(&out), "|1\r\n$8\r\nreplayed\r\n#t\r\n:1\r\n");
    struct buf twice = {0};
    reply_replayed(&twice, buf_view(&out));
    assert_true(slice_eq(buf_view(&twice), buf_view(&out)));
    buf_truncate(&twice, 0);
    reply_replayed(&twice, SLICE("|1\r\n$4\r\nrule\r\n$1\r\nr\r\n-ARG r: no\r\n"));
    assert_string_equal(buf_cstr(&twice), "|2\r\n$8\r\nreplayed\r\n#t\r\n$4\r\nrule\r\n$1\r\nr\r\n-ARG r: no\r\n");
    buf_truncate(&twice, 0);
    reply_replayed(&twice, SLICE("%1\r\n$8\r\nreplayed\r\n#t\r\n"));
    assert_string_equal(buf_cstr(&twice), "|1\r\n$8\r\nreplayed\r\n#t\r\n%1\r\n$8\r\nreplayed\r\n#t\r\n");
    buf_close(&twice);
}

#define reply_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        reply_test(scalars_are_canonical),
        reply_test(values_are_written_by_type),
        reply_test(doubles_read_back_the_same),
        reply_test(counts_of_every_length_are_patched),
        reply_test(nested_containers_keep_their_bytes),
        reply_test(unbalanced_replies_are_refused),
        reply_test(map_keys_are_text),
        reply_test(depth_is_bounded),
        reply_test(a_status_is_one_printable_line),
        reply_test(the_limit_of_a_reply_is_exact),
        reply_test(the_limit_of_the_buffer_counts),
        reply_test(the_first_failure_sticks),
        reply_test(a_reply_may_be_written_anew),
        reply_test(raw_values_are_elements),
        reply_test(raw_bytes_are_checked),
        reply_test(raw_values_obey_the_depth),
        reply_test(a_bare_error_has_no_attribute),
        reply_test(errors_carry_their_details),
        reply_test(error_texts_are_made_harmless),
        reply_test(the_longest_error_round_trips),
        reply_test(an_error_past_the_maximum_writes_nothing),
        reply_test(replayed_replies_are_marked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
