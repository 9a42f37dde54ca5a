/* What a reply of bytes may be, held against its declared shape. */
#include "plugin/args.h"
#include "plugin/native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *shape;
    struct slice reply;
    const char *refusal; /* a part of it; NULL: it fits */
};

static void check(const struct row *row)
{
    struct shape *shape = NULL;
    struct err err = {0};
    assert_int_equal(shape_parse(row->shape, &shape, &err), 0);
    const int rv = shape_fits(shape, row->reply, &err);
    shape_free(shape);
    if (!row->refusal ? rv != 0 : rv != ERR_INTERNAL || !strstr(err.text, row->refusal))
        fail_msg("%s, %.*s: %d %s", row->shape, (int)row->reply.len, row->reply.data, rv, err.text);
}

static void check_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&rows[i]);
}

/* Wherever it stands: as the value, as a key, within what is declared to be anything. */
static void a_text_is_utf8_without_nul(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"text", SLICE("$3\r\n\xe9\x98\xb2\r\n"), NULL},
        {"text", SLICE("$2\r\n\xff\xfe\r\n"), "UTF-8"},
        {"text", SLICE("$3\r\na\0b\r\n"), "UTF-8"},
        {"[text]", SLICE("*2\r\n$1\r\na\r\n$1\r\n\xff\r\n"), "UTF-8"},
        {"any", SLICE("$1\r\n\xff\r\n"), "UTF-8"},
        {"any", SLICE("*1\r\n%1\r\n$1\r\na\r\n$1\r\n\xff\r\n"), "UTF-8"},
        {"any", SLICE("%1\r\n$1\r\n\xff\r\n:1\r\n"), "UTF-8"},
        {"any", SLICE("*2\r\n=6\r\nbin:\xff\xfe\r\n%1\r\n$1\r\na\r\n*1\r\n_\r\n"), NULL},
        {"any", SLICE("*2\r\n:1\r\n"), "whole"},
        {"blob", SLICE("=5\r\nbin:\xff\r\n"), NULL},
    };
    check_all(rows, sizeof(rows) / sizeof(rows[0]));
}

/* As many keys as are declared is not enough: one may stand there for another. */
static void a_map_has_each_key_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{a:int, b:int}", SLICE("%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n"), NULL},
        {"{a:int, b:int}", SLICE("%2\r\n$1\r\na\r\n:1\r\n$1\r\na\r\n:2\r\n"), "twice"},
        {"{a:int, b:int}", SLICE("%1\r\n$1\r\na\r\n:1\r\n"), "keys"},
        {"{a:int, b:int}", SLICE("%2\r\n$1\r\na\r\n:1\r\n$1\r\nc\r\n:2\r\n"), "declared shape"},
        {"{a:int, b:{a:int, b:int}}",
         SLICE("%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n"), NULL},
    };
    check_all(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_utf8_without_nul),
        cmocka_unit_test(a_map_has_each_key_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
