#include "base/thread.h"

#include "base/buf.h"
#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct seen {
    sigset_t mask;
    size_t stack_bytes;
    char name[16];
    struct gate named;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    pthread_attr_t attr;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &seen->stack_bytes);
    pthread_attr_destroy(&attr);
    gate_wait(&seen->named);
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    return NULL;
}

static void start_and_look(struct seen *seen, const char *name)
{
    pthread_t thread;
    assert_int_equal(thread_start(&thread, name, look, seen), 0);
    gate_open(&seen->named, 0);
    pthread_join(thread, NULL);
}

/* Process signals belong to the main thread; the watchdog's SIGURG must get through. */
static void threads_block_signals_but_the_watchdogs(void **state)
{
    (void)state;
    struct seen seen = {.named = GATE_INIT};
    start_and_look(&seen, "lane");
    static const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGALRM};
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        assert_int_equal(sigismember(&seen.mask, blocked[i]), 1);
    assert_int_equal(sigismember(&seen.mask, SIGURG), 0);
    assert_int_equal(sigismember(&seen.mask, SIGSEGV), 0);
}

/* The watchdog's signal is open in the thread even when its maker had it blocked, and the maker keeps its own mask. */
static void the_makers_mask_stays_as_it_was(void **state)
{
    (void)state;
    sigset_t urg, before, after;
    sigemptyset(&urg);
    sigaddset(&urg, SIGURG);
    pthread_sigmask(SIG_BLOCK, &urg, &before);
    struct seen seen = {.named = GATE_INIT};
    start_and_look(&seen, "lane");
    pthread_sigmask(SIG_SETMASK, &before, &after);
    assert_int_equal(sigismember(&seen.mask, SIGURG), 0);
    assert_int_equal(sigismember(&after, SIGURG), 1);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

/* Lua and SQLite may nest deeply; the stack is the same wherever the shell's limits are. */
static void threads_have_eight_mebibytes_of_stack(void **state)
{
    (void)state;
    struct seen seen = {.named = GATE_INIT};
    start_and_look(&seen, "lane");
    assert_true(seen.stack_bytes >= 8u * 1024 * 1024);
}

/* The kernel refuses longer names altogether, so ours are cut. */
static void long_names_are_cut(void **state)
{
    (void)state;
    struct seen seen = {.named = GATE_INIT};
    start_and_look(&seen, "reader-lane-number-12");
    assert_string_equal(seen.name, "reader-lane-num");
}

static void *open_later(void *arg)
{
    nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
    gate_open(arg, ERR_IO);
    return NULL;
}

/* A starting lane tells its maker how it went. */
static void a_gate_hands_over_its_result(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "opener", open_later, &gate), 0);
    assert_int_equal(gate_wait(&gate), ERR_IO);
    pthread_join(thread, NULL);
}

/* It opens once: a second opening does not change what others have already read. */
static void a_gate_keeps_its_first_result(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    gate_open(&gate, 5);
    gate_open(&gate, 6);
    assert_int_equal(gate_wait(&gate), 5);
    assert_int_equal(gate_wait(&gate), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_block_signals_but_the_watchdogs),
        cmocka_unit_test(the_makers_mask_stays_as_it_was),
        cmocka_unit_test(threads_have_eight_mebibytes_of_stack),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(a_gate_hands_over_its_result),
        cmocka_unit_test(a_gate_keeps_its_first_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
