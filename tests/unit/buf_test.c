#include "base/buf.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The maximum is a number of bytes that still fits, not one that does not. */
static void content_may_reach_the_maximum_and_not_pass_it(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    char bytes[101] = {0};
    assert_int_equal(buf_append(&buf, bytes, 100), 0);
    assert_int_equal(buf_byte(&buf, 'x'), ERR_TOOBIG);
    assert_int_equal(buf.len, 100);
    buf_truncate(&buf, 0);
    assert_int_equal(buf_append(&buf, bytes, 101), ERR_TOOBIG);
    assert_int_equal(buf.len, 0);
    buf_close(&buf);
}

/* The NUL of buf_cstr is not content, so it needs no room under the maximum. */
static void a_full_buffer_still_has_a_terminated_view(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    assert_int_equal(buf_text(&buf, "full"), 0);
    assert_string_equal(buf_cstr(&buf), "full");
    assert_int_equal(buf.len, 4);
    buf_close(&buf);
    for (size_t n = 1; n <= 200; n++) { /* also where the capacity is just used up */
        buf_init(&buf, 0);
        while (buf.len < n)
            buf_byte(&buf, 'x');
        assert_int_equal(strlen(buf_cstr(&buf)), n);
        buf_close(&buf);
    }
}

/* Asking for nearly all of memory must be a refusal, not an overflow. */
static void giant_reservations_are_refused(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_text(&buf, "x");
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), ERR_TOOBIG);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX - 1), ERR_TOOBIG);
    assert_int_equal(buf.len, 1);
    buf_close(&buf);
}

/* Doubling keeps a million one-byte appends cheap. */
static void capacity_doubles(void **state)
{
    (void)state;
    struct buf buf = {0};
    size_t changes = 0, cap = 0;
    for (int i = 0; i < 1000000; i++) {
        buf_byte(&buf, 'x');
        changes += buf.cap != cap;
        cap = buf.cap;
    }
    assert_in_range(changes, 2, 20);
    buf_close(&buf);
}

/* A connection that once had a large request must not keep its memory. */
static void clear_gives_large_memory_back(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_int_equal(buf_reserve(&buf, 1 << 20), 0);
    buf_clear(&buf);
    assert_int_equal(buf.cap, 64 * 1024);
    assert_int_equal(buf_reserve(&buf, 64 * 1024), 0);
    assert_int_equal(buf.cap, 64 * 1024);
    buf_close(&buf);
}

/* The smallest integer has no positive twin. */
static void integers_print_over_their_whole_range(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_int(&buf, INT64_MIN);
    buf_byte(&buf, ' ');
    buf_int(&buf, INT64_MAX);
    buf_byte(&buf, ' ');
    buf_int(&buf, 0);
    assert_string_equal(buf_cstr(&buf), "-9223372036854775808 9223372036854775807 0");
    buf_close(&buf);
}

/* Formatting tries the room it has first; every length around that room must come out whole. */
static void formatting_is_whole_at_every_room(void **state)
{
    (void)state;
    char text[130];
    memset(text, 'y', sizeof(text));
    for (int n = 0; n < (int)sizeof(text); n++) {
        struct buf buf = {0};
        buf_text(&buf, "ab");
        assert_int_equal(buf_fmt(&buf, "%.*s", n, text), 0);
        assert_int_equal(buf.len, n + 2);
        assert_memory_equal(buf.data + 2, text, (size_t)n);
        buf_close(&buf);
    }
}

/* A text that is too long leaves nothing of itself behind. */
static void formatting_past_the_maximum_changes_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 8);
    buf_text(&buf, "abc");
    assert_int_equal(buf_fmt(&buf, "%s", "123456"), ERR_TOOBIG);
    assert_int_equal(buf_fmt(&buf, "%s", "12345"), 0);
    assert_string_equal(buf_cstr(&buf), "abc12345");
    buf_close(&buf);
}

/* What was parsed leaves at the front; the rest moves up. */
static void consume_drops_the_front(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_consume(&buf, 0);
    buf_text(&buf, "hello world");
    buf_consume(&buf, 6);
    assert_true(slice_is(buf_view(&buf), "world"));
    buf_consume(&buf, 5);
    assert_int_equal(buf.len, 0);
    buf_close(&buf);
}

/* A closed buffer keeps its maximum and works again. */
static void a_closed_buffer_is_usable_again(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    buf_text(&buf, "abc");
    buf_close(&buf);
    assert_null(buf.data);
    assert_int_equal(buf_text(&buf, "abcd"), ERR_TOOBIG);
    assert_int_equal(buf_text(&buf, "abc"), 0);
    buf_close(&buf);
    buf_close(&buf);
}

/* An empty slice may have no memory at all. */
static void empty_slices_compare_without_memory(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_of(NULL), SLICE("")));
    assert_true(slice_is(slice_of(NULL), ""));
    assert_false(slice_eq(SLICE("a"), SLICE("b")));
    assert_false(slice_eq(SLICE("a"), SLICE("ab")));
    struct buf buf = {0};
    assert_int_equal(buf_slice(&buf, slice_of(NULL)), 0);
    char *copy = mem_dup_slice(slice_of(NULL));
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_may_reach_the_maximum_and_not_pass_it),
        cmocka_unit_test(a_full_buffer_still_has_a_terminated_view),
        cmocka_unit_test(giant_reservations_are_refused),
        cmocka_unit_test(capacity_doubles),
        cmocka_unit_test(clear_gives_large_memory_back),
        cmocka_unit_test(integers_print_over_their_whole_range),
        cmocka_unit_test(formatting_is_whole_at_every_room),
        cmocka_unit_test(formatting_past_the_maximum_changes_nothing),
        cmocka_unit_test(consume_drops_the_front),
        cmocka_unit_test(a_closed_buffer_is_usable_again),
        cmocka_unit_test(empty_slices_compare_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
