#include "base/err.h"

#include "base/utf8.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What a client is told must lead back to the same code, or its program cannot react to it. */
static void every_token_reads_back_as_its_code(void **state)
{
    (void)state;
    for (int code = -1; code > -ERR_COUNT; code--) {
        const char *token = err_token(code);
        int expected = code == ERR_IO ? ERR_INTERNAL : code;
        assert_int_equal(err_from_token(token, strlen(token)), expected);
    }
}

/* A number that is no code can only come from a bug of ours, and says so. */
static void numbers_outside_the_table_are_internal(void **state)
{
    (void)state;
    assert_string_equal(err_token(-ERR_COUNT), "INTERNAL");
    assert_string_equal(err_token(7), "INTERNAL");
    assert_int_equal(err_exit_status(-1000), 9);
    assert_false(err_retryable(-1000));
}

/* A word that is not in the table, or only begins like one, is not guessed at. */
static void unknown_tokens_are_internal(void **state)
{
    (void)state;
    assert_int_equal(err_from_token("BUS", 3), ERR_INTERNAL);
    assert_int_equal(err_from_token("BUSYX", 5), ERR_INTERNAL);
    assert_int_equal(err_from_token("", 0), ERR_INTERNAL);
    assert_int_equal(err_from_token("busy", 4), ERR_INTERNAL);
}

/* Shell scripts branch on these numbers. */
static void exit_status_tells_the_kinds_apart(void **state)
{
    (void)state;
    assert_int_equal(err_exit_status(0), 0);
    assert_int_equal(err_exit_status(ERR_ARG), 2);
    assert_int_equal(err_exit_status(ERR_NOTFOUND), 3);
    assert_int_equal(err_exit_status(ERR_UNKNOWN), 7);
    assert_int_equal(err_exit_status(ERR_PROTO), 8);
}

/* Only what did not happen, or may be asked again under the same key, is worth repeating. */
static void only_busy_timeout_and_unknown_are_retryable(void **state)
{
    (void)state;
    for (int code = 0; code > -ERR_COUNT; code--) {
        bool expected = code == ERR_BUSY || code == ERR_TIMEOUT || code == ERR_UNKNOWN;
        assert_int_equal(err_retryable(code), expected);
    }
}

/* A long Chinese message is cut between two characters. */
static void text_is_cut_between_characters(void **state)
{
    (void)state;
    char text[901] = "";
    for (int i = 0; i < 300; i++)
        memcpy(text + i * 3, "中", 4);
    struct err err = {0};
    for (int lead = 0; lead < 3; lead++) {
        err_set(&err, ERR_ARG, "%.*s%s", lead, "ab", text);
        assert_true(utf8_valid(slice_of(err.text)));
        assert_in_range(strlen(err.text), 597, 599);
    }
}

/* Rule and argument obey the same cut, each with its own size. */
static void rule_and_argument_are_cut_between_characters(void **state)
{
    (void)state;
    char text[121] = "";
    for (int i = 0; i < 30; i++)
        memcpy(text + i * 4, "𠀀", 5);
    struct err err = {0};
    assert_int_equal(err_rule(&err, ERR_STATE, text, text + 4, "no"), ERR_STATE);
    assert_int_equal(strlen(err.rule), 60);
    assert_int_equal(strlen(err.arg), 60);
    assert_true(utf8_valid(slice_of(err.rule)));
}

/* Callers that only want the code pass no struct. */
static void a_missing_struct_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_BUSY, "full"), ERR_BUSY);
    assert_int_equal(err_rule(NULL, ERR_ARG, "r", "a", "no"), ERR_ARG);
}

/* Wrapping an error prints the old text into the new one. */
static void the_old_text_may_be_an_argument_of_the_new(void **state)
{
    (void)state;
    struct err err = {0};
    err_rule(&err, ERR_IO, "disk", "path", "disk full");
    err_set(&err, ERR_INTERNAL, "open db: %s", err.text);
    assert_string_equal(err.text, "open db: disk full");
    assert_string_equal(err.rule, "");
    assert_string_equal(err.arg, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_reads_back_as_its_code),
        cmocka_unit_test(numbers_outside_the_table_are_internal),
        cmocka_unit_test(unknown_tokens_are_internal),
        cmocka_unit_test(exit_status_tells_the_kinds_apart),
        cmocka_unit_test(only_busy_timeout_and_unknown_are_retryable),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(rule_and_argument_are_cut_between_characters),
        cmocka_unit_test(a_missing_struct_is_accepted),
        cmocka_unit_test(the_old_text_may_be_an_argument_of_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
