#include "wire/reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct node next(struct reader *r)
{
    struct node node;
    assert_int_equal(reader_next(r, &node), 1);
    return node;
}

static struct node only(const char *text)
{
    struct reader r = {slice_of(text)};
    struct node node = next(&r);
    assert_int_equal(r.rest.len, 0);
    assert_int_equal(reader_measure(slice_of(text)), strlen(text));
    return node;
}

static void malformed(const char *text)
{
    struct reader r = {slice_of(text)};
    struct node node;
    if (reader_next(&r, &node) != ERR_PROTO || reader_measure(slice_of(text)) != ERR_PROTO)
        fail_msg("'%s' was accepted", text);
}

/* Every scalar of both versions of the protocol. */
static void scalars_are_read(void **state)
{
    (void)state;
    assert_int_equal(only("_\r\n").type, NODE_NULL);
    assert_int_equal(only("$-1\r\n").type, NODE_NULL);
    assert_int_equal(only("*-1\r\n").type, NODE_NULL);
    assert_int_equal(only("#t\r\n").i, 1);
    assert_int_equal(only("#f\r\n").type, NODE_BOOL);
    assert_int_equal(only(":-9223372036854775808\r\n").i, INT64_MIN);
    assert_int_equal(only(":9223372036854775807\r\n").i, INT64_MAX);
    assert_true(slice_is(only("+OK\r\n").s, "OK"));
    assert_true(slice_is(only("-ARG no\r\n").s, "ARG no"));
    assert_true(slice_is(only("!6\r\nARG no\r\n").s, "ARG no"));
    assert_true(slice_is(only("$5\r\na\r\nbc\r\n").s, "a\r\nbc"));
    assert_int_equal(only("$0\r\n\r\n").s.len, 0);
    assert_int_equal(only("=5\r\nbin:x\r\n").type, NODE_BLOB);
    assert_true(slice_is(only("=5\r\ntxt:x\r\n").s, "x"));
    assert_int_equal(only("=4\r\ntxt:\r\n").type, NODE_TEXT);
}

/* Numbers as JSON writes them, and three words. */
static void doubles_are_read(void **state)
{
    (void)state;
    assert_true(only(",1.5\r\n").d == 1.5);
    assert_true(only(",-0\r\n").d == 0 && signbit(only(",-0\r\n").d));
    assert_true(only(",1e+20\r\n").d == 1e20);
    assert_true(only(",inf\r\n").d == HUGE_VAL);
    assert_true(only(",-inf\r\n").d == -HUGE_VAL);
    assert_true(isnan(only(",nan\r\n").d));
    static const char *const bad[] = {",\r\n",   ",+1\r\n",  ",.5\r\n",   ",1.\r\n",  ",01\r\n", ",0x10\r\n",
                                      ",1e\r\n", ",1e+\r\n", ",infx\r\n", ",INF\r\n", ", 1\r\n", ",1 \r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        malformed(bad[i]);
}

/* Containers give their count; a map counts pairs. */
static void containers_give_their_count(void **state)
{
    (void)state;
    struct reader r = {SLICE("%1\r\n$1\r\na\r\n*2\r\n:1\r\n~0\r\n>1\r\n:3\r\n")};
    struct node map = next(&r);
    assert_int_equal(map.type, NODE_MAP);
    assert_int_equal(map.count, 1);
    assert_true(slice_is(next(&r).s, "a"));
    assert_int_equal(next(&r).count, 2);
    assert_int_equal(next(&r).i, 1);
    assert_int_equal(next(&r).type, NODE_SET);
    assert_int_equal(next(&r).type, NODE_PUSH);
    assert_int_equal(next(&r).i, 3);
    struct node node;
    assert_int_equal(reader_next(&r, &node), 0);
}

/* Everything that is nearly the protocol. */
static void malformed_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "hello\r\n",
        ":\r\n",
        ":01\r\n",
        ":+1\r\n",
        ":-0\r\n",
        ":-\r\n",
        ":1 \r\n",
        ":1x\r\n",
        ":1\n",
        ":1\rx",
        "+O\nK\r\n",
        "+O\rK\r\n",
        "_x\r\n",
        "#\r\n",
        "#x\r\n",
        "#tt\r\n",
        "$-2\r\n",
        "$01\r\n",
        "*-2\r\n",
        "%-1\r\n",
        "~-1\r\n",
        "=-1\r\n",
        "!-1\r\n",
        "|-1\r\n",
        "$1\r\nab",
        "$1\r\na\rx",
        "=3\r\nbin\r\n",
        "=4\r\nbinx\r\n",
        "(1\r\n",
        ":9223372036854775808\r\n",
        "$?\r\n",
        "*?\r\n",
        "$2147483648\r\n",
        "*2147483648\r\n",
        "\r\n",
        ":-9223372036854775809\r\n",
        ":99999999999999999999999\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        malformed(bad[i]);
}

/* A number that never ends is refused before its end is seen. */
static void endless_headers_are_refused(void **state)
{
    (void)state;
    static const char types[] = "_#:,$*%~>|=!";
    for (size_t i = 0; i < sizeof(types) - 1; i++) {
        char text[101] = "";
        memset(text, '1', 100);
        text[0] = types[i];
        malformed(text);
    }
}

static const char everything[] = "|1\r\n$4\r\nrule\r\n*1\r\n:5\r\n%3\r\n$1\r\na\r\n*3\r\n_\r\n#t\r\n,1.5\r\n"
                                 "$1\r\nb\r\n=6\r\nbin:\r\n\r\n+x\r\n|0\r\n-ERR y\r\n";

/* Whatever part has come, the measure is either "not yet" or the whole, and never moves what is read. */
static void a_value_arrives_byte_by_byte(void **state)
{
    (void)state;
    size_t len = sizeof(everything) - 1;
    for (size_t n = 0; n < len; n++)
        assert_int_equal(reader_measure((struct slice){everything, n}), 0);
    assert_int_equal(reader_measure((struct slice){everything, len}), len);
    char more[sizeof(everything) + 4];
    memcpy(more, everything, len);
    memcpy(more + len, ":1\r\n", 4);
    assert_int_equal(reader_measure((struct slice){more, len + 4}), len);
}

/* An incomplete node is not an error of the peer. */
static void the_end_of_the_bytes_is_no_error(void **state)
{
    (void)state;
    struct reader r = {{NULL, 0}};
    struct node node;
    assert_int_equal(reader_next(&r, &node), 0);
    r.rest = SLICE("$5\r\nabc");
    assert_int_equal(reader_next(&r, &node), 0);
    assert_int_equal(r.rest.len, 7);
    assert_int_equal(reader_skip(&r), ERR_PROTO);
}

/* Deeper than the writer can write is an attack or a fault, in arrays, maps and attributes alike. */
static void nesting_is_bounded(void **state)
{
    (void)state;
    char deep[4 * 40 + 1] = "";
    for (int i = 0; i < 40; i++)
        memcpy(deep + 4 * i, "*1\r\n", 5);
    assert_int_equal(reader_measure((struct slice){deep, 4 * 32}), 0);
    assert_int_equal(reader_measure((struct slice){deep, 4 * 33}), ERR_TOOBIG);
    memcpy(deep + 4 * 31, "*0\r\n", 4);
    assert_int_equal(reader_measure((struct slice){deep, 4 * 32}), 4 * 32);
    struct buf attributes = {0};
    for (int i = 0; i < 100000; i++)
        buf_text(&attributes, "|1\r\n");
    assert_int_equal(reader_measure(buf_view(&attributes)), ERR_TOOBIG);
    buf_close(&attributes);
}

/* A container that promises two thousand million elements costs no memory and no time. */
static void giant_counts_are_only_promises(void **state)
{
    (void)state;
    assert_int_equal(reader_measure(SLICE("*2147483647\r\n:1\r\n")), 0);
    assert_int_equal(reader_measure(SLICE("%2147483647\r\n:1\r\n")), 0);
    assert_int_equal(reader_measure(SLICE("$2147483647\r\nabc")), 0);
    assert_false(reader_is_replayed(SLICE("*2147483646\r\n:1\r\n")));
}

/* A whole value, with all that belongs to it, is one step. */
static void skipping_jumps_over_one_value(void **state)
{
    (void)state;
    struct reader r = {SLICE("*2\r\n:1\r\n%1\r\n$1\r\na\r\n_\r\n:7\r\n")};
    assert_int_equal(reader_skip(&r), 0);
    assert_int_equal(next(&r).i, 7);
}

/* The canonical form has fewer types than the protocol. */
static void only_canonical_nodes_pass_the_strict_reader(void **state)
{
    (void)state;
    static const char *const good[] = {"_\r\n",   "#t\r\n",   ":1\r\n", ",1\r\n", "$1\r\na\r\n", "=5\r\nbin:x\r\n",
                                       "+OK\r\n", "-E x\r\n", "*0\r\n", "%0\r\n", "|0\r\n"};
    static const char *const bad[] = {"$-1\r\n",     "*-1\r\n",         "~0\r\n", ">0\r\n",
                                      "!1\r\nx\r\n", "=5\r\ntxt:x\r\n", "x\r\n"};
    struct node node;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct reader r = {slice_of(good[i])};
        assert_int_equal(reader_next_canonical(&r, &node), 1);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reader r = {slice_of(bad[i])};
        assert_int_equal(reader_next_canonical(&r, &node), ERR_PROTO);
    }
}

static struct err error_of(const char *reply)
{
    struct err err = {0};
    assert_true(reader_error(slice_of(reply), &err));
    return err;
}

/* A rendered error has its rule in the text. */
static void a_rendered_error_gives_its_rule(void **state)
{
    (void)state;
    struct err err = error_of("-STATE fund.closed: the fund is closed\r\n");
    assert_int_equal(err.code, ERR_STATE);
    assert_string_equal(err.rule, "fund.closed");
    assert_string_equal(err.text, "the fund is closed");
}

/* Sentences with a colon are not rules; neither is a word too long to be one. */
static void other_texts_have_no_rule(void **state)
{
    (void)state;
    assert_string_equal(error_of("-ARG Not a rule: no\r\n").rule, "");
    assert_string_equal(error_of("-ARG two words: no\r\n").text, "two words: no");
    assert_string_equal(error_of("-ARG : no\r\n").rule, "");
    assert_string_equal(error_of("-ARG a:b\r\n").text, "a:b");
    assert_string_equal(error_of("-ARG\r\n").text, "");
    assert_int_equal(error_of("-\r\n").code, ERR_INTERNAL);
    for (size_t len = 63; len <= 64; len++) {
        char text[80] = "-ARG ";
        memset(text + 5, 'r', len);
        strcat(text, ": no\r\n");
        assert_int_equal(strlen(error_of(text).rule), len == 63 ? 63 : 0);
    }
}

/* A canonical error says its rule in the attribute; then the text is taken at its word. */
static void a_canonical_error_gives_its_details(void **state)
{
    (void)state;
    struct err err = error_of("|3\r\n$4\r\nrule\r\n$3\r\nA.b\r\n$3\r\narg\r\n$1\r\nx\r\n$9\r\nsomething\r\n*1\r\n:1\r\n"
                              "-ARG A.b: no\r\n");
    assert_string_equal(err.rule, "A.b");
    assert_string_equal(err.arg, "x");
    assert_string_equal(err.text, "no");
    err = error_of("|1\r\n$5\r\nretry\r\n#t\r\n-BUSY db: locked\r\n");
    assert_string_equal(err.rule, "");
    assert_string_equal(err.text, "db: locked");
}

/* A rendered error has its details at the end of its line; each may be missing. */
static void a_rendered_error_gives_its_details(void **state)
{
    (void)state;
    struct err err =
        error_of("-STATE fund.batched: it is in a batch [state=batched; allowed=fund.refund,fund.void]\r\n");
    assert_string_equal(err.rule, "fund.batched");
    assert_string_equal(err.text, "it is in a batch");
    assert_string_equal(err.arg, "");
    assert_string_equal(err.state, "batched");
    assert_string_equal(err.allowed, "fund.refund,fund.void");
    err = error_of("-ARG [arg=a%5D%25]\r\n");
    assert_string_equal(err.text, "");
    assert_string_equal(err.arg, "a]%");
    assert_string_equal(error_of("-ARG no [arg=x] []\r\n").text, "no [arg=x]");
    assert_string_equal(error_of("-WRONGTYPE no [arg=x]\r\n").text, "WRONGTYPE no");
}

/* What is not exactly in that form is text. */
static void brackets_in_a_text_are_no_details(void **state)
{
    (void)state;
    static const char *const texts[] = {"no [x]",
                                        "no [arg=]",
                                        "no [ARG=x]",
                                        "no[arg=x]",
                                        "no [arg=x",
                                        "no [arg=x;",
                                        "no [arg=x; ]",
                                        "no [arg=x;state=y]",
                                        "no [state=y; arg=x]",
                                        "no [arg=x; arg=y]",
                                        "no ]",
                                        "no [arg=x; other=y]",
                                        "no [arg=%5d]",
                                        "no [arg=%20]",
                                        "no [arg=5%]",
                                        "no [arg=x].",
                                        "no [arg=x;]",
                                        "no [arg=\x1b]",
                                        "no [ ]",
                                        "no [arg=x%5]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char reply[100];
        snprintf(reply, sizeof(reply), "-ARG %s\r\n", texts[i]);
        struct err err = error_of(reply);
        assert_string_equal(err.text, texts[i]);
        assert_string_equal(err.arg, "");
        assert_string_equal(err.state, "");
    }
    assert_string_equal(error_of("|1\r\n$3\r\narg\r\n$1\r\nx\r\n-ARG no [arg=y]\r\n").text, "no [arg=y]");
}

/* Another server's words are kept for people to read. */
static void unknown_codes_keep_the_whole_text(void **state)
{
    (void)state;
    struct err err = error_of("-WRONGTYPE Operation against a key\r\n");
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_string_equal(err.text, "WRONGTYPE Operation against a key");
    assert_string_equal(error_of("-INTERNAL disk full\r\n").text, "disk full");
}

/* Another server's texts may be longer than ours: they are cut between two characters. */
static void long_texts_are_cut(void **state)
{
    (void)state;
    char reply[1100] = "|1\r\n$3\r\narg\r\n$99\r\n";
    for (int i = 0; i < 33; i++)
        strcat(reply, "中");
    strcat(reply, "\r\n-ARG ");
    for (int i = 0; i < 300; i++)
        strcat(reply, "中");
    strcat(reply, "\r\n");
    struct err err = error_of(reply);
    assert_int_equal(strlen(err.arg), 63);
    assert_int_equal(strlen(err.text), 597);
}

/* Only the rule that was named is taken off the front of the text. */
static void a_text_that_begins_otherwise_is_kept(void **state)
{
    (void)state;
    assert_string_equal(error_of("|1\r\n$4\r\nrule\r\n$3\r\na.b\r\n-ARG c.d: no\r\n").text, "c.d: no");
    assert_string_equal(error_of("|1\r\n$4\r\nrule\r\n$3\r\na.b\r\n-ARG a.bc no\r\n").text, "a.bc no");
}

/* What is not an error leaves the struct alone. */
static void other_replies_are_no_errors(void **state)
{
    (void)state;
    struct err err = {.code = 5};
    assert_false(reader_error(SLICE("+OK\r\n"), &err));
    assert_false(reader_error(SLICE("*1\r\n-ARG no\r\n"), &err));
    assert_false(reader_error(SLICE(""), &err));
    assert_false(reader_error(SLICE("|2\r\n$4\r\nrule\r\n"), &err));
    assert_int_equal(err.code, 5);
}

/* The mark is found in the attribute, and where the renderings put it. */
static void the_replayed_mark_is_found(void **state)
{
    (void)state;
    assert_true(reader_is_replayed(SLICE("|1\r\n$8\r\nreplayed\r\n#t\r\n:1\r\n")));
    assert_true(reader_is_replayed(SLICE("|2\r\n$4\r\nrule\r\n$1\r\nx\r\n$8\r\nreplayed\r\n#t\r\n-ARG x: no\r\n")));
    assert_true(reader_is_replayed(SLICE("%2\r\n$1\r\na\r\n*1\r\n:1\r\n$8\r\nreplayed\r\n#t\r\n")));
    assert_true(reader_is_replayed(SLICE("*4\r\n$1\r\na\r\n:1\r\n$8\r\nreplayed\r\n:1\r\n")));
    assert_false(reader_is_replayed(SLICE("|1\r\n$8\r\nreplayed\r\n#f\r\n:1\r\n")));
    assert_false(reader_is_replayed(SLICE("%1\r\n$8\r\nreplayed\r\n:1\r\n")));
    assert_false(reader_is_replayed(SLICE("*3\r\n:1\r\n$8\r\nreplayed\r\n:1\r\n")));
    assert_false(reader_is_replayed(SLICE("*0\r\n")));
    assert_false(reader_is_replayed(SLICE("+OK\r\n")));
    assert_false(reader_is_replayed(SLICE("")));
}

/* The value alone, for whoever stores or compares it. */
static void the_attribute_is_stripped(void **state)
{
    (void)state;
    assert_true(slice_is(reader_strip(SLICE("|1\r\n$1\r\na\r\n*1\r\n:1\r\n:7\r\n")), ":7\r\n"));
    assert_true(slice_is(reader_strip(SLICE(":7\r\n")), ":7\r\n"));
    assert_true(slice_is(reader_strip(SLICE("|1\r\n*1\r\n:1\r\n:2\r\n:7\r\n")), ":7\r\n"));
    assert_int_equal(reader_strip(SLICE("|1\r\n$1\r\na\r\n")).len, 0);
    assert_int_equal(reader_measure((struct slice){NULL, 0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_read),
        cmocka_unit_test(doubles_are_read),
        cmocka_unit_test(containers_give_their_count),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(endless_headers_are_refused),
        cmocka_unit_test(a_value_arrives_byte_by_byte),
        cmocka_unit_test(the_end_of_the_bytes_is_no_error),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(giant_counts_are_only_promises),
        cmocka_unit_test(skipping_jumps_over_one_value),
        cmocka_unit_test(only_canonical_nodes_pass_the_strict_reader),
        cmocka_unit_test(a_rendered_error_gives_its_rule),
        cmocka_unit_test(other_texts_have_no_rule),
        cmocka_unit_test(a_canonical_error_gives_its_details),
        cmocka_unit_test(a_rendered_error_gives_its_details),
        cmocka_unit_test(brackets_in_a_text_are_no_details),
        cmocka_unit_test(unknown_codes_keep_the_whole_text),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_text_that_begins_otherwise_is_kept),
        cmocka_unit_test(other_replies_are_no_errors),
        cmocka_unit_test(the_replayed_mark_is_found),
        cmocka_unit_test(the_attribute_is_stripped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
