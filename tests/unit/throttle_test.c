#include "net/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Waits double with each failure, up to eight seconds, and end by themselves. */
static void throttle_doubles_the_wait(void **state)
{
    (void)state;
    struct throttle *t = calloc(1, sizeof(*t));
    const int waits[] = {250, 500, 1000, 2000, 4000, 8000, 8000, 8000};
    uint64_t now = 1000;
    throttle_init(t, 7);
    assert_int_equal(throttle_wait(t, SLICE("lin"), now), 0);
    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
        throttle_fail(t, SLICE("lin"), now);
        assert_int_equal(throttle_wait(t, SLICE("lin"), now), waits[i]);
        assert_int_equal(throttle_wait(t, SLICE("lin"), now + 100), waits[i] - 100);
        now += (uint64_t)waits[i];
        assert_int_equal(throttle_wait(t, SLICE("lin"), now), 0);
    }
    assert_int_equal(throttle_wait(t, SLICE("wang"), now - 1), 0);
    free(t);
}

/* A success, or ten quiet minutes, let somebody begin anew. */
static void throttle_forgives(void **state)
{
    (void)state;
    struct throttle *t = calloc(1, sizeof(*t));
    throttle_init(t, 7);
    for (int i = 0; i < 6; i++)
        throttle_fail(t, SLICE("lin"), 1000);
    throttle_forget(t, SLICE("lin"));
    throttle_fail(t, SLICE("lin"), 1000);
    assert_int_equal(throttle_wait(t, SLICE("lin"), 1000), THROTTLE_FIRST_MS);
    throttle_fail(t, SLICE("lin"), 1000);
    throttle_fail(t, SLICE("lin"), 1001 + THROTTLE_FORGET_MS + THROTTLE_MOST_MS);
    assert_int_equal(throttle_wait(t, SLICE("lin"), 1001 + THROTTLE_FORGET_MS + THROTTLE_MOST_MS), THROTTLE_FIRST_MS);
    free(t);
}

/* A flood of names takes no more memory, and pushes out who failed longest ago first. */
static void throttle_is_bounded(void **state)
{
    (void)state;
    struct throttle *t = calloc(1, sizeof(*t));
    throttle_init(t, 7);
    int waiting = 0;
    for (int i = 0; i < 100000; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "name %d", i);
        throttle_fail(t, (struct slice){name, (size_t)len}, 1000 + (uint64_t)i);
        assert_true(throttle_wait(t, (struct slice){name, (size_t)len}, 1000 + (uint64_t)i) > 0);
    }
    for (int i = 0; i < 100000; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "name %d", i);
        waiting += throttle_wait(t, (struct slice){name, (size_t)len}, 1000 + 99900) > 0;
    }
    assert_in_range(waiting, 50, THROTTLE_SETS * THROTTLE_WAYS);
    free(t);
}

/* Names longer than a key, and the empty name, are told apart as far as possible and never read beyond their end. */
static void throttle_takes_any_name(void **state)
{
    (void)state;
    struct throttle *t = calloc(1, sizeof(*t));
    char *longer = malloc(100000);
    memset(longer, 'x', 100000);
    throttle_init(t, 7);
    throttle_fail(t, (struct slice){longer, 100000}, 5);
    throttle_fail(t, (struct slice){NULL, 0}, 5);
    assert_int_equal(throttle_wait(t, (struct slice){longer, 100000}, 5), THROTTLE_FIRST_MS);
    assert_int_equal(throttle_wait(t, (struct slice){NULL, 0}, 5), THROTTLE_FIRST_MS);
    assert_int_equal(throttle_wait(t, (struct slice){longer, 3}, 5), 0);
    free(longer);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttle_doubles_the_wait),
        cmocka_unit_test(throttle_forgives),
        cmocka_unit_test(throttle_is_bounded),
        cmocka_unit_test(throttle_takes_any_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
