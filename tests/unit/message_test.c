#include "wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* More arguments than fit the first allocation keep their order. */
static void arguments_keep_their_order(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct message m = {0};
    for (int i = 0; i < 36; i++)
        message_add(&m, (struct slice){digits + i, 1});
    assert_int_equal(m.nargs, 36);
    for (int i = 0; i < 36; i++)
        assert_ptr_equal(m.args[i].data, digits + i);
    message_close(&m);
}

/* The next message of a connection uses the memory of the last one. */
static void a_cleared_message_is_empty_and_keeps_its_memory(void **state)
{
    (void)state;
    struct message m = {0};
    message_add(&m, SLICE("PING"));
    buf_text(&m.scratch, "PING");
    struct slice *args = m.args;
    message_clear(&m);
    assert_int_equal(m.nargs, 0);
    assert_int_equal(m.scratch.len, 0);
    message_add(&m, SLICE("ECHO"));
    assert_ptr_equal(m.args, args);
    message_close(&m);
}

/* Closing twice, or closing nothing, is harmless. */
static void a_closed_message_is_usable_again(void **state)
{
    (void)state;
    struct message m = {0};
    message_close(&m);
    message_add(&m, SLICE("a"));
    message_close(&m);
    message_close(&m);
    assert_null(m.args);
    message_add(&m, SLICE("b"));
    assert_int_equal(m.nargs, 1);
    message_close(&m);
    message_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_keep_their_order),
        cmocka_unit_test(a_cleared_message_is_empty_and_keeps_its_memory),
        cmocka_unit_test(a_closed_message_is_usable_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
