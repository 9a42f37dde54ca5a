#include "wire/render.h"

#include "base/err.h"
#include "wire/json.h"
#include "wire/reader.h"
#include "wire/reply.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef int renderer(struct slice canonical, struct buf *out);

static void renders(renderer *render, struct slice canonical, const char *expected)
{
    struct buf out = {0};
    assert_int_equal(render(canonical, &out), 0);
    assert_string_equal(buf_cstr(&out), expected);
    if (render == render_json)
        assert_int_equal(json_check(buf_view(&out), 64, NULL), 0);
    else
        assert_int_equal(reader_measure(buf_view(&out)), out.len);
    buf_close(&out);
}

#define MARK "|1\r\n$8\r\nreplayed\r\n#t\r\n"

/* RESP2 has neither booleans nor doubles nor a null of its own, and maps are flat. */
static void resp2_flattens(void **state)
{
    (void)state;
    renders(render_resp2, SLICE("_\r\n"), "$-1\r\n");
    renders(render_resp2, SLICE("#t\r\n"), ":1\r\n");
    renders(render_resp2, SLICE("#f\r\n"), ":0\r\n");
    renders(render_resp2, SLICE(",1.5\r\n"), "$3\r\n1.5\r\n");
    renders(render_resp2, SLICE(":-5\r\n"), ":-5\r\n");
    renders(render_resp2, SLICE("+OK\r\n"), "+OK\r\n");
    renders(render_resp2, SLICE("-ARG no\r\n"), "-ARG no\r\n");
    renders(render_resp2, SLICE("=7\r\nbin:\r\n+\r\n"), "$3\r\n\r\n+\r\n");
    renders(render_resp2, SLICE("%2\r\n$1\r\na\r\n%1\r\n$1\r\nb\r\n_\r\n$1\r\nc\r\n*1\r\n#t\r\n"),
            "*4\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$-1\r\n$1\r\nc\r\n*1\r\n:1\r\n");
}

/* RESP3 clients get the canonical bytes, blobs as the strings they expect. */
static void resp3_is_nearly_canonical(void **state)
{
    (void)state;
    static const char plain[] = "%2\r\n$1\r\na\r\n,1.5\r\n$1\r\nb\r\n*2\r\n_\r\n#t\r\n";
    renders(render_resp3, SLICE(plain), plain);
    renders(render_resp3, SLICE("*2\r\n=6\r\nbin:ab\r\n:1\r\n"), "*2\r\n$2\r\nab\r\n:1\r\n");
    renders(render_resp3, SLICE("=4\r\nbin:\r\n"), "$0\r\n\r\n");
    renders(render_resp3, SLICE("$4\r\na\n=b\r\n"), "$4\r\na\n=b\r\n");
}

/* Clients that do not read attributes see the mark as the last pair of a map, and nothing in other replies. */
static void the_replayed_mark_becomes_a_pair(void **state)
{
    (void)state;
    renders(render_resp3, SLICE(MARK "%1\r\n$1\r\na\r\n%0\r\n"), "%2\r\n$1\r\na\r\n%0\r\n$8\r\nreplayed\r\n#t\r\n");
    renders(render_resp2, SLICE(MARK "%1\r\n$1\r\na\r\n%0\r\n"), "*4\r\n$1\r\na\r\n*0\r\n$8\r\nreplayed\r\n:1\r\n");
    renders(render_json, SLICE(MARK "%1\r\n$1\r\na\r\n%0\r\n"), "{\"a\":{},\"replayed\":true}");
    renders(render_json, SLICE(MARK "%0\r\n"), "{\"replayed\":true}");
    renders(render_resp3, SLICE(MARK ":1\r\n"), ":1\r\n");
    renders(render_resp2, SLICE(MARK "*1\r\n%0\r\n"), "*1\r\n*0\r\n");
    renders(render_json, SLICE(MARK "*1\r\n%0\r\n"), "[{}]");
}

/* What a rendering says is replayed, the reader finds replayed. */
static void a_rendered_mark_is_found_again(void **state)
{
    (void)state;
    struct buf out = {0};
    render_resp2(SLICE(MARK "%1\r\n$1\r\na\r\n_\r\n"), &out);
    assert_true(reader_is_replayed(buf_view(&out)));
    buf_clear(&out);
    render_resp3(SLICE(MARK "%1\r\n$1\r\na\r\n_\r\n"), &out);
    assert_true(reader_is_replayed(buf_view(&out)));
    buf_close(&out);
}

/* JSON numbers are exact only up to 2^53, and have no infinities. */
static void json_numbers_stay_exact(void **state)
{
    (void)state;
    renders(render_json, SLICE(":9007199254740992\r\n"), "9007199254740992");
    renders(render_json, SLICE(":9007199254740993\r\n"), "\"9007199254740993\"");
    renders(render_json, SLICE(":-9007199254740992\r\n"), "-9007199254740992");
    renders(render_json, SLICE(":-9007199254740993\r\n"), "\"-9007199254740993\"");
    renders(render_json, SLICE(":-9223372036854775808\r\n"), "\"-9223372036854775808\"");
    renders(render_json, SLICE(",1e+300\r\n"), "1e+300");
    renders(render_json, SLICE("*3\r\n,inf\r\n,-inf\r\n,nan\r\n"), "[\"inf\",\"-inf\",\"nan\"]");
}

/* The test vectors of RFC 4648, section 10. */
static void blobs_become_base64(void **state)
{
    (void)state;
    renders(render_json,
            SLICE("*7\r\n=4\r\nbin:\r\n=5\r\nbin:f\r\n=6\r\nbin:fo\r\n=7\r\nbin:foo\r\n=8\r\nbin:foob\r\n"
                  "=9\r\nbin:fooba\r\n=10\r\nbin:foobar\r\n"),
            "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"Zm9vYg==\",\"Zm9vYmE=\",\"Zm9vYmFy\"]");
    renders(render_json, SLICE("=7\r\nbin:\xff\xfe\xfd\r\n"), "\"//79\"");
}

/* The other types, and text that needs escapes, as key too. */
static void json_text_is_escaped(void **state)
{
    (void)state;
    renders(render_json, SLICE("*5\r\n_\r\n#t\r\n#f\r\n+OK\r\n$3\r\n中\r\n"), "[null,true,false,\"OK\",\"中\"]");
    renders(render_json, SLICE("%1\r\n$3\r\na\"b\r\n$5\r\n\n\xe2\x80\xa8.\r\n"), "{\"a\\\"b\":\"\\n\\u2028.\"}");
    renders(render_json, SLICE("%0\r\n"), "{}");
    renders(render_json, SLICE("*0\r\n"), "[]");
}

/* An error says all it knows; one inside a list says what its line says. */
static void errors_become_objects(void **state)
{
    (void)state;
    static const char canonical[] =
        "|5\r\n$4\r\nrule\r\n$3\r\na.b\r\n$3\r\narg\r\n$1\r\nx\r\n$5\r\nstate\r\n$1\r\ns\r\n"
        "$7\r\nallowed\r\n$3\r\np,q\r\n$5\r\nretry\r\n#t\r\n-BUSY a.b: say \"no\"\r\n";
    renders(
        render_json, SLICE(canonical),
        "{\"error\":{\"code\":\"BUSY\",\"message\":\"say \\\"no\\\"\",\"rule\":\"a.b\",\"arg\":\"x\",\"state\":\"s\","
        "\"allowed\":\"p,q\"}}");
    renders(render_resp2, SLICE(canonical), "-BUSY a.b: say \"no\" [arg=x; state=s; allowed=p,q]\r\n");
    renders(render_resp3, SLICE(canonical), "-BUSY a.b: say \"no\" [arg=x; state=s; allowed=p,q]\r\n");
    renders(render_json, SLICE("*1\r\n-ARG no\r\n"), "[{\"error\":{\"code\":\"ARG\",\"message\":\"no\"}}]");
}

/* Write the error, render it, read it back: the details are what they were. */
static void comes_back(const struct err *e, const char *line)
{
    renderer *const all[] = {render_resp2, render_resp3};
    for (size_t i = 0; i < 2; i++) {
        struct buf canonical = {0}, out = {0};
        struct err back;
        reply_error(&canonical, e);
        assert_int_equal(all[i](buf_view(&canonical), &out), 0);
        assert_string_equal(buf_cstr(&out), line);
        assert_true(reader_error(buf_view(&out), &back));
        assert_int_equal(back.code, e->code);
        assert_string_equal(back.rule, e->rule);
        assert_string_equal(back.arg, e->arg);
        assert_string_equal(back.state, e->state);
        assert_string_equal(back.allowed, e->allowed);
        assert_string_equal(back.text, e->text);
        buf_close(&canonical);
        buf_close(&out);
    }
}

/* Few clients read attributes: the line itself tells what is possible instead. */
static void details_stand_at_the_end_of_the_line(void **state)
{
    (void)state;
    comes_back(&(struct err){ERR_STATE, "fund.closed", "", "batched", "fund.refund", "no"},
               "-STATE fund.closed: no [state=batched; allowed=fund.refund]\r\n");
    comes_back(&(struct err){ERR_ARG, "arg.type", "amount_fen", "", "", "no number"},
               "-ARG arg.type: no number [arg=amount_fen]\r\n");
    comes_back(&(struct err){ERR_ARG, "", "x", "", "", ""}, "-ARG  [arg=x]\r\n");
    comes_back(&(struct err){ERR_NOTFOUND, "notes.unknown", "", "", "", "no"}, "-NOTFOUND notes.unknown: no\r\n");
    comes_back(&(struct err){ERR_BUSY, "", "", "", "", "no"}, "-BUSY no\r\n");
}

/* Four characters are escaped in values, so that the last bracket always begins the details. */
static void details_of_any_text_can_be_read_back(void **state)
{
    (void)state;
    comes_back(&(struct err){ERR_STATE, "", "a; state=b", "[100%]", "中 [arg=x]", "no [really]"},
               "-STATE no [really] [arg=a%3B state=b; state=%5B100%25%5D; allowed=中 %5Barg=x%5D]\r\n");
}

/* A text without a rule that begins like one stands behind a second blank. */
static void a_text_that_begins_like_a_rule_stays_text(void **state)
{
    (void)state;
    comes_back(&(struct err){ERR_POLICY, "", "", "", "", "name.bad: x"}, "-POLICY  name.bad: x\r\n");
    comes_back(&(struct err){ERR_POLICY, "", "", "", "", " name: x"}, "-POLICY   name: x\r\n");
    comes_back(&(struct err){ERR_POLICY, "", "a", "", "", "name: x"}, "-POLICY  name: x [arg=a]\r\n");
    comes_back(&(struct err){ERR_BUSY, "", "", "", "", "name: [arg=x]"}, "-BUSY  name: [arg=x] []\r\n");
    comes_back(&(struct err){ERR_POLICY, "a.b", "", "", "", "name.bad: x"}, "-POLICY a.b: name.bad: x\r\n");
}

/* A text that ends like details is followed by empty ones, with and without an attribute. */
static void a_text_that_ends_like_details_stays_text(void **state)
{
    (void)state;
    comes_back(&(struct err){ERR_POLICY, "", "", "", "", "no [state=x]"}, "-POLICY no [state=x] []\r\n");
    comes_back(&(struct err){ERR_POLICY, "", "", "", "", "[arg=x]"}, "-POLICY [arg=x] []\r\n");
    comes_back(&(struct err){ERR_POLICY, "a.b", "", "", "", "no []"}, "-POLICY a.b: no [] []\r\n");
    comes_back(&(struct err){ERR_BUSY, "", "", "", "", "[arg=x]"}, "-BUSY [arg=x] []\r\n");
    comes_back(&(struct err){ERR_POLICY, "a.b", "x", "", "", "no [state=y]"}, "-POLICY a.b: no [state=y] [arg=x]\r\n");
}

/* What could break the line does not get into it, whoever wrote the attribute. */
static void details_cannot_break_the_line(void **state)
{
    (void)state;
    renders(render_resp2, SLICE("|1\r\n$3\r\narg\r\n$5\r\na\r\n\177b\r\n-ARG no\r\n"), "-ARG no [arg=a   b]\r\n");
}

/* A replayed error has its details too, and nothing that marks it: an error is not a map. */
static void a_replayed_error_keeps_its_details(void **state)
{
    (void)state;
    renders(render_resp3, SLICE("|2\r\n$8\r\nreplayed\r\n#t\r\n$3\r\narg\r\n$1\r\nx\r\n-ARG no\r\n"),
            "-ARG no [arg=x]\r\n");
}

/* What the writer never writes is refused, and leaves nothing behind. RESP3 copies plain bytes unread; with a blob or an
 * attribute it reads them. */
static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        ":1",           ":1\r\n:2\r\n",    "*2\r\n:1\r\n",
        "$-1\r\n", "~1\r\n:1\r\n", "=5\r\ntxt:x\r\n", "*1\r\n" MARK ":1\r\n",
        MARK,      MARK "$-1\r\n", "hello\r\n",
    };
    struct buf out = {0};
    buf_text(&out, "x");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(render_resp2(slice_of(bad[i]), &out), ERR_PROTO);
        assert_int_equal(render_json(slice_of(bad[i]), &out), ERR_PROTO);
    }
    assert_int_equal(render_resp3(SLICE(""), &out), ERR_PROTO);
    assert_int_equal(render_resp3(SLICE(MARK ":1\r\n:2\r\n"), &out), ERR_PROTO);
    assert_int_equal(render_resp3(SLICE("*2\r\n=5\r\nbin:x\r\n~0\r\n"), &out), ERR_PROTO);
    assert_int_equal(render_json(SLICE("%1\r\n:1\r\n:2\r\n"), &out), ERR_PROTO);
    assert_int_equal(render_json(SLICE("$1\r\n\xff\r\n"), &out), ERR_PROTO);
    assert_int_equal(out.len, 1);
    buf_close(&out);
}

/* A rendering that does not fit is refused whole, at every maximum short of its length. */
static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    static const char canonical[] =
        MARK "%2\r\n$1\r\na\r\n=6\r\nbin:ab\r\n$1\r\nb\r\n*3\r\n,1.5\r\n_\r\n$2\r\n\n\"\r\n";
    static const char refusal[] = "|1\r\n$3\r\narg\r\n$2\r\n[x\r\n-ARG no\r\n";
    renderer *const all[] = {render_resp2, render_resp3, render_json};
    for (size_t i = 0; i < 6; i++) {
        struct slice reply = i < 3 ? SLICE(canonical) : SLICE(refusal);
        struct buf whole = {0}, out;
        assert_int_equal(all[i % 3](reply, &whole), 0);
        for (size_t max = 1; max <= whole.len; max++) {
            buf_init(&out, max);
            int rv = all[i % 3](reply, &out);
            assert_int_equal(rv, max < whole.len ? ERR_TOOBIG : 0);
            assert_int_equal(out.len, max < whole.len ? 0 : whole.len);
            buf_close(&out);
        }
        buf_close(&whole);
    }
}

/* Nesting deeper than the writer's never gets as far as the C stack. */
static void json_nesting_is_bounded(void **state)
{
    (void)state;
    struct buf deep = {0}, out = {0};
    for (int i = 0; i < 100000; i++)
        buf_text(&deep, "*1\r\n");
    buf_text(&deep, "_\r\n");
    assert_int_equal(render_json(buf_view(&deep), &out), ERR_PROTO);
    assert_int_equal(render_json((struct slice){deep.data + 4 * (100000 - 32), 4 * 32 + 3}, &out), 0);
    assert_int_equal(out.len, 32 + 4 + 32);
    buf_close(&deep);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resp2_flattens),
        cmocka_unit_test(resp3_is_nearly_canonical),
        cmocka_unit_test(the_replayed_mark_becomes_a_pair),
        cmocka_unit_test(a_rendered_mark_is_found_again),
        cmocka_unit_test(json_numbers_stay_exact),
        cmocka_unit_test(blobs_become_base64),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(errors_become_objects),
        cmocka_unit_test(details_stand_at_the_end_of_the_line),
        cmocka_unit_test(details_of_any_text_can_be_read_back),
        cmocka_unit_test(a_text_that_begins_like_a_rule_stays_text),
        cmocka_unit_test(a_text_that_ends_like_details_stays_text),
        cmocka_unit_test(details_cannot_break_the_line),
        cmocka_unit_test(a_replayed_error_keeps_its_details),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(json_nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
