#include "plugin/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The grammar of reply shapes. */

static void show(const struct shape *s, struct buf *out)
{
    static const char *const names[] = {"nil", "int", "bool", "text", "fen", "instant", "date", "blob", "json", "any"};
    if (s->type == SHAPE_ARRAY) {
        buf_byte(out, '[');
        show(&s->items[0], out);
        buf_byte(out, ']');
    } else if (s->type == SHAPE_MAP) {
        buf_byte(out, '{');
        for (int i = 0; i < s->count; i++) {
            buf_fmt(out, "%s%s:", i ? "," : "", s->items[i].name);
            show(&s->items[i], out);
        }
        buf_byte(out, '}');
    } else {
        buf_text(out, names[s->type]);
    }
}

/* What was declared comes back, without blanks. */
static void shapes_are_read(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"int", "int"},
        {" text ", "text"},
        {"[int]", "[int]"},
        {"[ [ any ] ]", "[[any]]"},
        {"{id:int, text:text}", "{id:int,text:text}"},
        {"{ id : int }", "{id:int}"},
        {"[{id:int, at:instant, lines:[{method:text, amount_fen:fen}], last:bool}]",
         "[{id:int,at:instant,lines:[{method:text,amount_fen:fen}],last:bool}]"},
        {"{a:{b:{c:nil}}, d:date, e:blob, f:json}", "{a:{b:{c:nil}},d:date,e:blob,f:json}"},
        {"{a:int,\n b:int}", "{a:int,b:int}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shape *s = NULL;
        struct err err = {0};
        struct buf out = {0};
        if (shape_parse(rows[i][0], &s, &err) != 0)
            fail_msg("%s", err.text);
        show(s, &out);
        assert_string_equal(buf_cstr(&out), rows[i][1]);
        buf_close(&out);
        shape_free(s);
    }
}

/* What is no shape is refused, and nothing is left behind. */
static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        " ",
        "integer",
        "Int",
        "int int",
        "[int",
        "[",
        "[]",
        "[int]]",
        "{",
        "{}",
        "{a}",
        "{a:}",
        "{a:int",
        "{a:int,}",
        "{:int}",
        "{a:int b:int}",
        "{a:int,a:text}",
        "{a:int]",
        "[int}",
        "int,",
        "{a:{b:int}",
        "{A:int}",
        "[[[[[[[[[[[[[[int]]]]]]]]]]]]]]",
        "{a:[int,b:int}",
        "{a:int],b:{c:int,d:int}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct shape *s = NULL;
        struct err err = {0};
        if (shape_parse(wrong[i], &s, &err) != ERR_ARG)
            fail_msg("accepted: %s", wrong[i]);
        assert_null(s);
        assert_string_equal(err.rule, "declare.returns");
    }
    char *big = malloc(10001);
    memset(big, '[', 10000);
    big[10000] = '\0';
    struct shape *s;
    assert_int_equal(shape_parse(big, &s, NULL), ERR_ARG);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_read),
        cmocka_unit_test(wrong_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
