#include "cli/cell.h"

#include "cli/table.h"
#include "plugin/args.h"

#include <stdlib.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* `reply` of a command that returns `shape` (NULL: nobody knows) looks like `expected`. */
static void looks_like(const char *shape, const char *reply, const char *expected)
{
    struct shape *declared = NULL;
    struct buf out = {0};
    if (shape)
        assert_int_equal(shape_parse(shape, &declared, NULL), 0);
    pretty_reply(slice_of(reply), declared, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_close(&out);
    shape_free(declared);
}

/* What is declared as money is shown in yuan to the fen, whatever its size. */
static void money_is_shown_in_yuan(void **state)
{
    (void)state;
    looks_like("fen", ":6965000\r\n", "69,650.00 yuan\n");
    looks_like("fen", ":0\r\n", "0.00 yuan\n");
    looks_like("fen", ":-5\r\n", "-0.05 yuan\n");
    looks_like("fen", ":99999\r\n", "999.99 yuan\n");
    looks_like("fen", ":-100000\r\n", "-1,000.00 yuan\n");
    looks_like("fen", ":9223372036854775807\r\n", "92,233,720,368,547,758.07 yuan\n");
    looks_like("fen", ":-9223372036854775808\r\n", "-92,233,720,368,547,758.08 yuan\n");
}

/* The heading says that it is yuan: an amount nobody can misread by a hundred. */
static void headings_name_the_unit(void **state)
{
    (void)state;
    looks_like("{net_fen:fen, quota:fen, sum_fen:int, n:int}",
               "%4\r\n$7\r\nnet_fen\r\n:100\r\n$5\r\nquota\r\n_\r\n$7\r\nsum_fen\r\n:7\r\n$1\r\nn\r\n:8\r\n",
               "net (yuan):   1.00\nquota (yuan):\nsum (yuan):   0.07\nn:            8\n");
    looks_like("[{net_fen:fen}]", "*2\r\n%1\r\n$7\r\nnet_fen\r\n:123456\r\n%1\r\n$7\r\nnet_fen\r\n:1\r\n",
               "net (yuan)\n──────────\n  1,234.56\n      0.01\n");
}

/* Where nothing can say so, fen stay fen: elements of a list, JSON in a cell, values nobody declared. */
static void other_fen_stay_fen(void **state)
{
    (void)state;
    looks_like("[fen]", "*1\r\n:100\r\n", "100\n");
    looks_like("[{a:{b_fen:fen}}]", "*1\r\n%1\r\n$1\r\na\r\n%1\r\n$5\r\nb_fen\r\n:100\r\n",
               "a\n─────────────\n{\"b_fen\":100}\n");
    looks_like("{a:int}", "%1\r\n$5\r\nb_fen\r\n:100\r\n", "b_fen: 100\n");
    looks_like(NULL, "%1\r\n$5\r\nb_fen\r\n:100\r\n", "b_fen: 100\n");
}

/* Instants are civil time of the zone, also before 1970; what no calendar has stays a number. */
static void instants_are_civil_time(void **state)
{
    (void)state;
    looks_like("instant", ":1584527280000\r\n", "2020-03-18 18:28:00\n");
    looks_like("instant", ":0\r\n", "1970-01-01 08:00:00\n");
    looks_like("instant", ":-1\r\n", "1970-01-01 07:59:59\n");
    looks_like("instant", ":-1000\r\n", "1970-01-01 07:59:59\n");
    looks_like("instant", ":1584527280999\r\n", "2020-03-18 18:28:00\n");
    looks_like("instant", ":9223372036854775807\r\n", "9223372036854775807\n");
    looks_like("instant", "_\r\n", "(nothing)\n");
    looks_like("[instant]", "*1\r\n:1584527280000\r\n", "2020-03-18 18:28:00\n");
    looks_like("int", ":1584527280000\r\n", "1584527280000\n");
    looks_like(NULL, ":1584527280000\r\n", "1584527280000\n");
}

/* A column of instants reads like text, one of numbers like numbers. */
static void instants_stand_left_in_their_column(void **state)
{
    (void)state;
    looks_like("[{a_long_heading_of_it:instant, n:int}]",
               "*1\r\n%2\r\n$20\r\na_long_heading_of_it\r\n:0\r\n$1\r\nn\r\n:1\r\n",
               "a_long_heading_of_it  n\n────────────────────  ─\n1970-01-01 08:00:00   1\n");
}

/* Truth needs no language; without a declaration it is the word of the protocol. */
static void truth_is_a_mark(void **state)
{
    (void)state;
    looks_like("{a:bool, b:bool}", "%2\r\n$1\r\na\r\n#t\r\n$1\r\nb\r\n#f\r\n", "a: ✓\nb: –\n");
    looks_like("{a:int}", "%2\r\n$1\r\na\r\n:1\r\n$8\r\nreplayed\r\n#t\r\n", "a:        1\nreplayed: ✓\n");
    looks_like(NULL, "#t\r\n", "true\n");
}

/* A figure's unit decides what its value is. */
static void a_figure_in_fen_is_shown_in_yuan(void **state)
{
    (void)state;
    static const char figure[] = "{value:any, unit:text}";
    looks_like(figure, "%2\r\n$5\r\nvalue\r\n:6965000\r\n$4\r\nunit\r\n$3\r\nfen\r\n",
               "value (yuan): 69,650.00\nunit:         yuan\n");
    looks_like(figure, "%2\r\n$5\r\nvalue\r\n:12\r\n$4\r\nunit\r\n$7\r\npersons\r\n", "value: 12\nunit:  persons\n");
    looks_like(figure, "%2\r\n$5\r\nvalue\r\n_\r\n$4\r\nunit\r\n$3\r\nfen\r\n", "value:\nunit:  fen\n");
    looks_like("{value:int, unit:text}", "%2\r\n$5\r\nvalue\r\n:12\r\n$4\r\nunit\r\n$3\r\nfen\r\n",
               "value: 12\nunit:  fen\n");
}

/* A server that returns something else than it declares is shown as it is. */
static void a_reply_that_breaks_its_shape_is_shown_as_it_is(void **state)
{
    (void)state;
    looks_like("[{a_fen:fen}]", ":5\r\n", "5\n");
    looks_like("{a_fen:fen}", "*1\r\n:5\r\n", "5\n");
    looks_like("{a_fen:fen}", "%1\r\n$5\r\na_fen\r\n$1\r\nx\r\n", "a (yuan): x\n");
    looks_like("instant", "$3\r\nnow\r\n", "now\n");
    looks_like("fen", "%1\r\n$5\r\na_fen\r\n:5\r\n", "a_fen: 5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_shown_in_yuan),
        cmocka_unit_test(headings_name_the_unit),
        cmocka_unit_test(other_fen_stay_fen),
        cmocka_unit_test(instants_are_civil_time),
        cmocka_unit_test(instants_stand_left_in_their_column),
        cmocka_unit_test(truth_is_a_mark),
        cmocka_unit_test(a_figure_in_fen_is_shown_in_yuan),
        cmocka_unit_test(a_reply_that_breaks_its_shape_is_shown_as_it_is),
    };
    cell_use_hello(SLICE("%2\r\n$6\r\nserver\r\n$6\r\nmuster\r\n$8\r\nzone_min\r\n:480\r\n"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
