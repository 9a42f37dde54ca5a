#include "plugin/args.h"
#include "plugin/texts.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The grammar of argument declarations, and what binding accepts, converts and refuses. */

/* Bind `words` (separated by `;`) and show the values as text, or "!rule: text". */
static void show(const char *specs, enum mode mode, const char *words, char *out, size_t size)
{
    struct arg *args = NULL;
    struct err err = {0};
    int n = 0;
    out[0] = '\0';
    if (args_parse(specs, &args, &n, &err) != 0) {
        snprintf(out, size, "?%s: %s", err.rule, err.text);
        return;
    }
    struct slice list[20];
    int count = 0;
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, ";");
        list[count++] = (struct slice){p, len};
        p += len + (p[len] == ';');
    }
    struct bound b = {0};
    if (args_bind(args, n, mode, list, count, &b, &err) != 0) {
        snprintf(out, size, "!%s: %s", err.rule, err.text);
        assert_int_equal(err.code, ERR_ARG);
    } else {
        size_t len = 0;
        for (int i = 0; i < n; i++) {
            const struct value *v = &b.values[i];
            len += (size_t)snprintf(out + len, size - len, "%s", i ? " " : "");
            if (v->type == VALUE_NULL)
                len += (size_t)snprintf(out + len, size - len, "null");
            else if (v->type == VALUE_INT)
                len += (size_t)snprintf(out + len, size - len, "%lld", (long long)v->i);
            else if (v->type == VALUE_BOOL)
                len += (size_t)snprintf(out + len, size - len, v->i ? "true" : "false");
            else
                len += (size_t)snprintf(out + len, size - len, v->type == VALUE_JSON ? "%.*s" : "<%.*s>", (int)v->s.len,
                                        v->s.data);
        }
    }
    bound_close(&b);
    args_free(args);
}

struct row {
    const char *specs, *words, *expect;
};

static void check(const struct row *rows, size_t count, enum mode mode)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        char got[2000];
        show(rows[i].specs, mode, rows[i].words, got, sizeof(got));
        if (strcmp(got, rows[i].expect) != 0) {
            print_error("%s | %s\n   expected %s\n   got      %s\n", rows[i].specs, rows[i].words, rows[i].expect, got);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

/* Every type, its spellings and its bounds. */
static void values_are_converted_by_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a:text", "a=hello", "<hello>"},
        {"a:text", "hello world", "<hello world>"},
        {"a:text", "a=", "!arg.range: a: must not be empty"},
        {"a:text(0..5)", "a=", "<>"},
        {"a:text(3)", "a=äöü", "<äöü>"},
        {"a:text(3)", "a=abcd", "!arg.range: a: from 1 to 3 characters"},
        {"a:text", "a=\xff", "!arg.utf8: a: not valid UTF-8 without NUL"},
        {"a:text", "a=b=c", "<b=c>"},
        {"a:int", "a=0", "0"},
        {"a:int", "a=-5", "-5"},
        {"a:int", "a=9223372036854775807", "9223372036854775807"},
        {"a:int", "a=-9223372036854775808", "-9223372036854775808"},
        {"a:int", "a=9223372036854775808", "!arg.range: a: 9223372036854775808 does not fit into 64 bits"},
        {"a:int", "a=-9223372036854775809", "!arg.range: a: -9223372036854775809 does not fit into 64 bits"},
        {"a:int", "a=99999999999999999999999999",
         "!arg.range: a: 99999999999999999999999999 does not fit into 64 bits"},
        {"a:int", "a=10.5", "!arg.type: a: 10.5 is not a whole number"},
        {"a:int", "a=1e3", "!arg.type: a: 1e3 is not a whole number"},
        {"a:int", "a=+5", "!arg.type: a: +5 is not a whole number"},
        {"a:int", "a= 5", "!arg.type: a:  5 is not a whole number"},
        {"a:int", "a=0x10", "!arg.type: a: 0x10 is not a whole number"},
        {"a:int", "a=", "!arg.type: a: empty text is not a whole number"},
        {"a:int", "a=-", "!arg.type: a: - is not a whole number"},
        {"a:int", "a=\xff", "!arg.type: a: the text is not a whole number"},
        {"a:int(1..500)", "a=500", "500"},
        {"a:int(1..500)", "a=501", "!arg.range: a: from 1 to 500"},
        {"a:int(1..)", "a=0", "!arg.range: a: at least 1"},
        {"a:int(..-1)", "a=0", "!arg.range: a: at most -1"},
        {"a:int(5)", "a=6", "!arg.range: a: at most 5"},
        {"amount_fen:fen", "amount_fen=10.5", "!arg.type: amount_fen: 10.5 is not a whole number of fen"},
        {"a:fen", "a=-1", "!arg.range: a: at least 0 fen"},
        {"a:fen(1..)", "a=0", "!arg.range: a: at least 1 fen"},
        {"a:fen", "a=500000", "500000"},
        {"a:bool b:bool c:bool", "a=1;b=true;c=yes", "true true true"},
        {"a:bool b:bool c:bool", "a=0;b=false;c=no", "false false false"},
        {"a:bool", "a=TRUE", "!arg.type: a: TRUE is not one of 1 0 true false yes no"},
        {"a:date", "a=2020-02-29", "<2020-02-29>"},
        {"a:date", "a=2021-02-29", "!arg.type: a: 2021-02-29 is not a day as YYYY-MM-DD"},
        {"a:date", "a=2020-2-9", "!arg.type: a: 2020-2-9 is not a day as YYYY-MM-DD"},
        {"a:instant", "a=2020-03-18T18:28:00+08:00", "1584527280000"},
        {"a:instant", "a=1584527280000", "1584527280000"},
        {"a:instant", "a=2020-03-18T18:28:00",
         "!arg.type: a: 2020-03-18T18:28:00 is not an instant as 2020-03-18T18:28:00+08:00 (offset or Z required) or a number of ms"},
        {"a:unit", "a=CB-654023", "<CB-654023>"},
        {"a:unit", "a=", "!arg.range: a: must not be empty"},
        {"a:enum(red|green)", "a=green", "<green>"},
        {"a:enum(red|green)", "a=blue", "!arg.type: a: blue is not one of red, green"},
        {"a:enum(red|green)=red", "", "<red>"},
        {"a:json", "a={\"b\": 1, \"a\": [1.0, null, \"x\"]}", "{\"a\":[1.0,null,\"x\"],\"b\":1}"},
        {"a:json", "a=5", "5"},
        {"a:json(4)", "a=[1,2]", "!arg.range: a: from 0 to 4 bytes"},
        {"a:blob", "a=\xff\x01", "<\xff\x01>"},
        {"a:blob(1)", "a=xy", "!arg.range: a: from 0 to 1 bytes"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]), MODE_READ);
}

/* Arrays: commas or JSON, each item checked, bounded in number. */
static void arrays_are_checked_item_by_item(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a:int[]", "a=1,2,3", "[1,2,3]"},
        {"a:int[]", "a=[1,2,3]", "[1,2,3]"},
        {"a:int[]", "a=[\"1\", 2]", "[1,2]"},
        {"a:int[]", "a=", "[]"},
        {"a:int[](1..)", "a=", "!arg.range: a: from 1 to 1000 items"},
        {"a:int[](1..2)", "a=1,2,3", "!arg.range: a: from 1 to 2 items"},
        {"a:int[](1..2)", "a=[1,2,3]", "!arg.range: a: from 1 to 2 items"},
        {"a:int(1..9)[]", "a=1,10", "!arg.range: a, item 2: from 1 to 9"},
        {"a:int[]", "a=1,x", "!arg.type: a, item 2: x is not a whole number"},
        {"a:int[]", "a=[1,2", "!arg.type: a: not JSON: ']' expected near end of file, at byte 4"},
        {"a:int[]", "a=[1.5]", "!arg.type: a, item 1: 1.5 is not a whole number"},
        {"a:text[]", "a=a,b\"c", "[\"a\",\"b\\\"c\"]"},
        {"a:text[]", "a=[\"a,b\",\"c\"]", "[\"a,b\",\"c\"]"},
        {"a:text[]", "a=a,,b", "!arg.range: a, item 2: must not be empty"},
        {"a:bool[]", "a=yes,0", "[true,false]"},
        {"a:enum(x|y)[]", "a=x,z", "!arg.type: a, item 2: z is not one of x, y"},
        {"a:date[]=2020-01-01", "", "[\"2020-01-01\"]"},
        {"a:json[]", "a=[{\"b\":1}, 2]", "[{\"b\":1},2]"},
        {"a:json[]", "a=5", "!arg.type: a: not a JSON array"},
        {"a:unit[](1..50)?", "", "null"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]), MODE_READ);
}

/* Words find their arguments by name or by place. */
static void words_find_their_arguments(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a:int b:text", "1;x", "1 <x>"},
        {"a:int b:text", "b=x;a=1", "1 <x>"},
        {"a:int b:text", "1;b=x", "1 <x>"},
        {"a:int b:text", "1", "!arg.required: b: required (b:text)"},
        {"a:int b:text?", "1", "1 null"},
        {"a:int b:text=dflt", "1", "1 <dflt>"},
        {"a:int=7 b:fen=0", "", "7 0"},
        {"a:int", "1;2", "!arg.unknown: 2: an argument too many; the command has 1"},
        {"a:int", "a=1;a=2", "!arg.twice: a: given twice"},
        {"a:int b:int", "1;a=2", "!arg.twice: a: given twice"},
        {"a:int", "a=1;zzz=2", "!arg.unknown: zzz: no such argument"},
        {"amount_fen:int on:text", "amount_fen=1;amont_fen=2",
         "!arg.unknown: amont_fen: no such argument; did you mean amount_fen?"},
        {"kind:enum(a|b)=a scope:text?", "unit=YL", "!arg.unknown: unit: no such argument"},
        {"text:text", "A=b", "<A=b>"},
        {"text:text", "text=x=y", "<x=y>"},
        {"note:text amount_fen:int", "amont_fen=2",
         "!arg.unknown: amont_fen: no such argument; did you mean amount_fen?"},
        {"a:text", "X=1", "<X=1>"},
        {"a:text", "b=1", "!arg.unknown: b: no such argument; did you mean a?"},
        {"a:text", "https://x/?q=1", "<https://x/?q=1>"},
        {"a:int", "a=1;\xff\xff=2", "!arg.unknown: an argument too many, or its name is unknown"},
        {"", "x", "!arg.unknown: x: an argument too many; the command has 0"},
        {"", "", ""},
        {"password!:int", "password=secret", "!arg.type: password: the value is not a whole number"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]), MODE_READ);
}

/* What a declaration may not be. */
static void wrong_declarations_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "a",
        "a:",
        "a:txt",
        "A:int",
        "1a:int",
        ":int",
        "a:int(",
        "a:int(1",
        "a:int(1..",
        "a:int(x)",
        "a:int(5..1)",
        "a:int(1.2)",
        "a:int[",
        "a:int]",
        "a:int[]x",
        "a:int??",
        "a:int?=1",
        "a:enum",
        "a:enum()",
        "a:enum(a|)",
        "a:enum(a",
        "a:date(3)",
        "a:bool(1)",
        "a:blob[]",
        "idem:text",
        "at:instant",
        "lang:text",
        "timeout_ms:int",
        "a:int=x",
        "a:int(1..5)=6",
        "a:date=today",
        "a:int a:int",
        "a:enum(x|y)=z",
        "a:int(99999999999999999999)",
        "a!b:int",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct arg *args = NULL;
        struct err err = {0};
        int n;
        if (args_parse(wrong[i], &args, &n, &err) != ERR_ARG)
            fail_msg("accepted: %s", wrong[i]);
        assert_null(args);
        assert_string_equal(err.rule, "declare.arg");
        assert_true(strlen(err.text) > 10);
    }
    struct arg *args;
    struct err err = {0};
    int n;
    char many[1000] = "";
    for (int i = 0; i < 70; i++)
        sprintf(many + strlen(many), "a%d:int ", i);
    assert_int_equal(args_parse(many, &args, &n, &err), ERR_ARG);
}

static int bind(const char *specs, enum mode mode, struct bound *b, struct err *err, const char *w1, const char *w2)
{
    struct arg *args = NULL;
    int n;
    assert_int_equal(args_parse(specs, &args, &n, NULL), 0);
    struct slice words[2] = {slice_of(w1), slice_of(w2)};
    int rv = args_bind(args, n, mode, words, w2 ? 2 : 1, b, err);
    args_free(args);
    return rv;
}

/* idem, at, timeout_ms, lang belong to every command. */
static void reserved_arguments_are_taken(void **state)
{
    (void)state;
    struct bound b = {0};
    struct err err = {0};
    assert_int_equal(bind("a:int?", MODE_WRITE, &b, &err, "idem=k1", "at=2020-03-18T18:28:00+08:00"), 0);
    assert_true(slice_is(b.idem, "k1"));
    assert_true(b.has_at && b.at_ms == 1584527280000);
    assert_int_equal(bind("a:int?", MODE_READ, &b, &err, "timeout_ms=50", "lang=en"), 0);
    assert_true(b.timeout_ms == 50 && slice_is(b.lang, "en") && b.idem.len == 0 && !b.has_at);
    static const struct {
        const char *word, *rule;
        enum mode mode;
    } wrong[] = {
        {"idem=x", "arg.read_only", MODE_READ},  {"at=5", "arg.read_only", MODE_READ},
        {"lang=fr", "arg.type", MODE_READ},      {"timeout_ms=0", "arg.range", MODE_READ},
        {"timeout_ms=x", "arg.type", MODE_READ}, {"at=now", "arg.type", MODE_WRITE},
        {"idem=", "arg.range", MODE_WRITE},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        err = (struct err){0};
        assert_int_equal(bind("a:int?", wrong[i].mode, &b, &err, wrong[i].word, NULL), ERR_ARG);
        assert_string_equal(err.rule, wrong[i].rule);
        assert_true(err.arg[0] != '\0');
    }
    assert_int_equal(bind("a:int?", MODE_WRITE, &b, &err, "idem=a", "idem=b"), ERR_ARG);
    assert_string_equal(err.rule, "arg.twice");
    char longest[220] = "idem=";
    memset(longest + 5, 'x', 201);
    assert_int_equal(bind("a:int?", MODE_WRITE, &b, &err, longest, NULL), ERR_ARG);
    longest[205] = '\0';
    assert_int_equal(bind("a:int?", MODE_WRITE, &b, &err, longest, NULL), 0);
    assert_int_equal(b.idem.len, 200);
    bound_close(&b);
}

/* Between plugins every word has a name: nothing is taken by its place. */
static void named_only_takes_no_positions(void **state)
{
    (void)state;
    struct bound b = {.named_only = true};
    struct err err = {0};
    assert_int_equal(bind("a:text", MODE_READ, &b, &err, "q=1", NULL), ERR_ARG);
    assert_string_equal(err.rule, "arg.unknown");
    assert_string_equal(err.arg, "q");
    assert_int_equal(bind("a:text", MODE_READ, &b, &err, "a=1", NULL), 0);
    bound_close(&b);
}

static void hash(const char *specs, const char *name, const char *w1, const char *w2, unsigned char out[32])
{
    struct arg *args = NULL;
    int n;
    struct bound b = {0};
    assert_int_equal(args_parse(specs, &args, &n, NULL), 0);
    struct slice words[2] = {slice_of(w1), slice_of(w2)};
    struct err err = {0};
    if (args_bind(args, n, MODE_WRITE, words, w2 ? 2 : 1, &b, &err) != 0)
        fail_msg("%s", err.text);
    struct command c = {.name = name, .args = args, .nargs = n};
    args_hash(&c, &b, out);
    bound_close(&b);
    args_free(args);
}

/* The same request in another spelling or order has the same hash, another request has another. */
static void equal_requests_have_equal_hashes(void **state)
{
    (void)state;
    static const char specs[] = "a:int=1 b:json? c:text? d:bool?";
    static const struct {
        const char *a, *b, *c, *d;
        bool same;
    } rows[] = {
        {"a=5", "c=x", "c=x", "a=5", true},
        {"a=1", "c=x", "c=x", NULL, true},
        {"b={\"x\":1,\"y\":2}", NULL, "b={ \"y\": 2, \"x\": 1 }", NULL, true},
        {"d=yes", NULL, "d=1", NULL, true},
        {"a=5", "idem=q", "a=5", "timeout_ms=7", true},
        {"a=5", "at=1584527280000", "at=2020-03-18T18:28:00+08:00", "a=5", true},
        {"a=5", "at=1584527280000", "a=5", NULL, false},
        {"a=5", NULL, "a=6", NULL, false},
        {"c=x", NULL, "c=xy", NULL, false},
        {"c=1", NULL, "a=1", NULL, false},
        {"d=0", NULL, "a=1", NULL, false},
        {"b=\"x\"", NULL, "c=x", NULL, false},
        {"b=1", NULL, "b=1.0", NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned char x[32], y[32];
        hash(specs, "a.b", rows[i].a, rows[i].b, x);
        hash(specs, "a.b", rows[i].c, rows[i].d, y);
        if ((memcmp(x, y, 32) == 0) != rows[i].same)
            fail_msg("row %d", (int)i);
    }
    unsigned char x[32], y[32];
    hash(specs, "a.b", "a=5", NULL, x);
    hash(specs, "a.c", "a=5", NULL, y);
    assert_memory_not_equal(x, y, 32);
}

static void redact(const char *specs, const struct slice *words, int nwords, size_t max, struct buf *out)
{
    struct arg *args = NULL;
    int n;
    struct bound b = {0};
    assert_int_equal(args_parse(specs, &args, &n, NULL), 0);
    assert_int_equal(args_bind(args, n, MODE_WRITE, words, nwords, &b, NULL), 0);
    struct command c = {.name = "a.b", .args = args, .nargs = n};
    buf_clear(out);
    args_redacted(&c, &b, max, out);
    bound_close(&b);
    args_free(args);
}

/* Audit sees no secret, and never more than it asked for. */
static void secrets_are_redacted(void **state)
{
    (void)state;
    struct buf out = {0};
    const struct slice words[] = {SLICE("name=wang"), SLICE("password=hunter2"), SLICE("n=5"),
                                  SLICE("j=[1, 2]"),  SLICE("ok=yes"),           SLICE("data=\x01\xff")};
    redact("name:text password!:text n:int j:json ok:bool data:blob none:text?", words, 6, 1000, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"name\":\"wang\",\"password\":\"***\",\"n\":5,\"j\":[1,2],\"ok\":true,\"data\":\"2 bytes\"}");
    char text[3001];
    memset(text, 'x', sizeof(text));
    memcpy(text, "a=", 2);
    const struct slice longer[] = {
        {text, 3000},
        SLICE(
            "b=\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"")};
    redact("a:text(4000) b:text", longer, 2, 1000, &out);
    assert_non_null(strstr(buf_cstr(&out), "xxx…\""));
    for (size_t max = 40; max < 400; max += 7) {
        redact("a:text(4000) b:text", longer, 2, max, &out);
        assert_true(out.len <= max);
        assert_int_equal(out.data[out.len - 1], '}');
    }
    buf_close(&out);
}

/* The sentences of the binder, in the language of the client. */
static void refusals_can_be_said_in_chinese(void **state)
{
    (void)state;
    static const struct {
        const char *english, *chinese;
    } rows[] = {
        {"amount_fen: 10.5 is not a whole number of fen", "amount_fen：10.5 不是以分为单位的整数"},
        {"a: from 1 to 500", "a：应在 1 至 500 之间"},
        {"a: from 1 to 3 characters", "a：应为 1 至 3 个字符"},
        {"b: required (b:text)", "缺少参数 b（b:text）"},
        {"amont: no such argument; did you mean amount?", "没有参数 amont，是否应为 amount？"},
        {"zzz: no such argument", "没有参数 zzz"},
        {"a sentence that is not the host's", "a sentence that is not the host's"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        err_set(&err, ERR_ARG, "%s", rows[i].english);
        texts_localise("en", &err);
        assert_string_equal(err.text, rows[i].english);
        texts_localise("zh-CN", &err);
        assert_string_equal(err.text, rows[i].chinese);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_converted_by_type),     cmocka_unit_test(arrays_are_checked_item_by_item),
        cmocka_unit_test(words_find_their_arguments),       cmocka_unit_test(wrong_declarations_are_refused),
        cmocka_unit_test(reserved_arguments_are_taken),     cmocka_unit_test(named_only_takes_no_positions),
        cmocka_unit_test(equal_requests_have_equal_hashes), cmocka_unit_test(secrets_are_redacted),
        cmocka_unit_test(refusals_can_be_said_in_chinese),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
