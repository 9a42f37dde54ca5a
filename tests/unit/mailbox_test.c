#include "base/mailbox.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/thread.h"

#include <stdatomic.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int numbers[64];

static void *item(int i)
{
    numbers[i] = i;
    return &numbers[i];
}

/* One producer's items arrive in the order they were put, round the end of the ring too. */
static void items_leave_in_order(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(3, NULL, NULL);
    void *out[3];
    for (int i = 0; i < 20; i += 2) {
        assert_int_equal(mailbox_put(m, item(i)), 0);
        assert_int_equal(mailbox_put(m, item(i + 1)), 0);
        assert_int_equal(mailbox_take(m, out, 3, 0), 2);
        assert_ptr_equal(out[0], &numbers[i]);
        assert_ptr_equal(out[1], &numbers[i + 1]);
    }
    mailbox_free(m);
}

/* A full mailbox refuses at once and keeps what it has. */
static void a_full_mailbox_is_busy(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(2, NULL, NULL);
    void *out[4];
    assert_int_equal(mailbox_put(m, item(0)), 0);
    assert_int_equal(mailbox_put(m, item(1)), 0);
    assert_int_equal(mailbox_put(m, item(2)), ERR_BUSY);
    assert_int_equal(mailbox_len(m), 2);
    assert_int_equal(mailbox_take(m, out, 1, 0), 1);
    assert_int_equal(mailbox_put(m, item(2)), 0);
    assert_int_equal(mailbox_take(m, out, 4, 0), 2);
    assert_ptr_equal(out[1], &numbers[2]);
    mailbox_free(m);
}

/* Nothing new comes in after closing, but nothing is lost either. */
static void a_closed_mailbox_gives_out_what_it_holds(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(4, NULL, NULL);
    void *out[1];
    mailbox_put(m, item(0));
    mailbox_put(m, item(1));
    mailbox_close(m);
    assert_int_equal(mailbox_put(m, item(2)), ERR_STATE);
    assert_int_equal(mailbox_take(m, out, 1, -1), 1);
    assert_int_equal(mailbox_take(m, out, 1, -1), 1);
    assert_ptr_equal(out[0], &numbers[1]);
    assert_int_equal(mailbox_take(m, out, 1, -1), ERR_STATE);
    mailbox_free(m);
}

/* Waiting ends after the time asked for, not before. */
static void an_empty_mailbox_times_out(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(4, NULL, NULL);
    void *out[1];
    assert_int_equal(mailbox_take(m, out, 1, 0), 0);
    uint64_t before = clock_mono_ns();
    assert_int_equal(mailbox_take(m, out, 1, 30), 0);
    assert_true(clock_mono_ns() - before >= 29 * 1000000u);
    mailbox_free(m);
    mailbox_free(NULL);
}

static void count_wake(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

/* The loop is woken once per burst, however long the burst is. */
static void wake_runs_only_for_the_first_item(void **state)
{
    (void)state;
    _Atomic int wakes = 0;
    struct mailbox *m = mailbox_new(2, count_wake, &wakes);
    void *out[2];
    mailbox_put(m, item(0));
    mailbox_put(m, item(1));
    mailbox_put(m, item(2)); /* refused: must not wake either */
    assert_int_equal(wakes, 1);
    mailbox_take(m, out, 1, 0);
    mailbox_put(m, item(2));
    assert_int_equal(wakes, 1);
    mailbox_take(m, out, 2, 0);
    mailbox_put(m, item(3));
    assert_int_equal(wakes, 2);
    mailbox_take(m, out, 2, 0);
    mailbox_close(m);
    mailbox_put(m, item(0));
    assert_int_equal(wakes, 2);
    mailbox_free(m);
}

/* All or none, in order round the end of the ring, and one wake for all. */
static void many_items_are_put_at_once(void **state)
{
    (void)state;
    _Atomic int wakes = 0;
    struct mailbox *m = mailbox_new(4, count_wake, &wakes);
    void *three[] = {item(0), item(1), item(2)}, *out[4];
    assert_int_equal(mailbox_put_many(m, three, 0), 0);
    assert_int_equal(wakes, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mailbox_put_many(m, three, 3), 0);
        assert_int_equal(mailbox_put_many(m, three, 2), ERR_BUSY);
        assert_int_equal(wakes, i + 1);
        assert_int_equal(mailbox_take(m, out, 4, 0), 3);
        for (int j = 0; j < 3; j++)
            assert_ptr_equal(out[j], three[j]);
    }
    mailbox_close(m);
    assert_int_equal(mailbox_put_many(m, three, 3), ERR_STATE);
    mailbox_free(m);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static void *put_later(void *arg)
{
    pause_ms(20);
    mailbox_put(arg, item(7));
    return NULL;
}

static void *close_later(void *arg)
{
    pause_ms(20);
    mailbox_close(arg);
    return NULL;
}

/* A consumer that waits for ever is woken by an item, and by closing. */
static void a_sleeping_consumer_is_woken(void **state)
{
    (void)state;
    struct mailbox *m = mailbox_new(4, NULL, NULL);
    void *out[1];
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "put", put_later, m), 0);
    assert_int_equal(mailbox_take(m, out, 1, -1), 1);
    assert_ptr_equal(out[0], &numbers[7]);
    pthread_join(thread, NULL);
    assert_int_equal(thread_start(&thread, "close", close_later, m), 0);
    assert_int_equal(mailbox_take(m, out, 1, -1), ERR_STATE);
    pthread_join(thread, NULL);
    mailbox_free(m);
}

enum { PRODUCERS = 4, EACH = 20000 };

struct parcel {
    int producer, number;
};

struct producer {
    struct mailbox *m;
    struct parcel *parcels;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (int i = 0; i < EACH;) {
        int rv = mailbox_put(p->m, &p->parcels[i]);
        if (rv == 0)
            i++;
        else if (rv != ERR_BUSY)
            break;
        else
            pause_ms(1);
    }
    return NULL;
}

/* Four producers against a small ring: nothing is lost, doubled or reordered, and the consumer may always sleep. */
static void many_producers_lose_nothing(void **state)
{
    (void)state;
    static struct parcel parcels[PRODUCERS][EACH];
    struct mailbox *m = mailbox_new(64, NULL, NULL);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (int p = 0; p < PRODUCERS; p++) {
        for (int i = 0; i < EACH; i++)
            parcels[p][i] = (struct parcel){p, i};
        producers[p] = (struct producer){m, parcels[p]};
        assert_int_equal(thread_start(&threads[p], "producer", produce, &producers[p]), 0);
    }
    int next[PRODUCERS] = {0}, total = 0, taken;
    void *out[16];
    while (total < PRODUCERS * EACH && (taken = mailbox_take(m, out, 16, 10000)) > 0) {
        for (int i = 0; i < taken; i++) {
            struct parcel *got = out[i];
            assert_int_equal(got->number, next[got->producer]);
            next[got->producer]++;
        }
        total += taken;
    }
    mailbox_close(m);
    for (int p = 0; p < PRODUCERS; p++)
        pthread_join(threads[p], NULL);
    assert_int_equal(total, PRODUCERS * EACH);
    assert_int_equal(mailbox_len(m), 0);
    mailbox_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_leave_in_order),
        cmocka_unit_test(a_full_mailbox_is_busy),
        cmocka_unit_test(a_closed_mailbox_gives_out_what_it_holds),
        cmocka_unit_test(an_empty_mailbox_times_out),
        cmocka_unit_test(wake_runs_only_for_the_first_item),
        cmocka_unit_test(many_items_are_put_at_once),
        cmocka_unit_test(a_sleeping_consumer_is_woken),
        cmocka_unit_test(many_producers_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
