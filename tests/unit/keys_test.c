/* The index of idempotency keys: whatever is rolled back, restarted or expired, a key that was kept is found and no other. */
#include "store_place.h"

#include "store/keys.h"

enum { KEYS = 400, GENERATION = 16 };

/* A generation of 16 instead of 16384, and optionally faults. */
static void reopen(struct place *p, const char *faults)
{
    const struct store_options options = {.path = p->path, .key_generation = GENERATION, .faults = faults};
    store_close(p->s);
    p->s = NULL;
    assert_int_equal(store_open(&options, STORE_WRITER, &p->s, &p->err), 0);
}

static struct store_request numbered(int n, char text[16])
{
    snprintf(text, 16, "key-%d", n * 7919 % KEYS);
    return keyed(text, 1);
}

/* Keep key number `n`, received at `n` seconds. */
static void keep(struct place *p, int n)
{
    char text[16];
    struct store_request r = numbered(n, text);
    r.at_ms = 1000 * n;
    assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
}

/* Keys first … last-1 are found, the others are not. */
static void expect_kept(struct place *p, int first, int last)
{
    for (int n = 0; n < KEYS; n++) {
        char text[16];
        const struct store_request r = numbered(n, text);
        struct store_request other = r, somebody = r;
        other.hash[0] ^= 1;
        somebody.user_id++;
        bool kept = n >= first && n < last;
        assert_int_equal(store_command_find(p->s, &r, NULL, &p->err), kept ? STORE_DONE : STORE_NEW);
        assert_int_equal(store_command_find(p->s, &other, NULL, &p->err), kept ? STORE_CONFLICT : STORE_NEW);
        assert_int_equal(store_command_find(p->s, &somebody, NULL, &p->err), STORE_NEW);
    }
}

static void keep_some(struct place *p, int first, int last, int batch)
{
    for (int n = first; n < last;) {
        begin(p);
        for (int i = 0; i < batch && n < last; i++, n++) {
            keep(p, n);
        }
        commit(p);
    }
}

static void keys_are_found_before_and_after_they_are_indexed(void **state)
{
    struct place *p = *state;
    reopen(p, NULL);
    keep_some(p, 0, 10, 3);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done_key"), 0);
    expect_kept(p, 0, 10);
    for (int n = 10; n < 200; n += 10) {
        keep_some(p, n, n + 10, n % 7 + 1);
        expect_kept(p, 0, n + 10);
    }
    /* At most two generations are not indexed yet. */
    assert_true(number(p->s, "SELECT count(*) FROM muster_done_key") >= 200 - 2 * GENERATION - 10);
}

static void keys_survive_a_restart_at_any_moment(void **state)
{
    struct place *p = *state;
    for (int n = 0; n < 150; n += 5) {
        reopen(p, NULL);
        keep_some(p, n, n + 5, 2);
        expect_kept(p, 0, n + 5);
    }
    assert_int_equal(
        number(p->s, "SELECT count(*) FROM (SELECT done_id FROM muster_done_key GROUP BY done_id HAVING count(*) > 1)"),
        0);
}

static void expect_no_stray(struct place *p)
{
    assert_int_equal(
        number(p->s, "SELECT count(*) FROM muster_done_key WHERE done_id NOT IN (SELECT id FROM muster_done)"), 0);
}

/* Also where the batch had put keys of earlier ones into the index. */
static void keys_of_a_batch_that_is_rolled_back_are_forgotten(void **state)
{
    struct place *p = *state;
    reopen(p, NULL);
    for (int n = 0; n < 150; n += 5) {
        begin(p);
        for (int i = 0; i < 20; i++) {
            keep(p, n + i);
        }
        store_batch_abort(p->s);
        keep_some(p, n, n + 5, 5);
        expect_kept(p, 0, n + 5);
        expect_no_stray(p);
    }
}

/* The commit fails after a whole generation was put into the index, or answers that it does not know. */
static void keys_agree_with_the_rows_after_each_outcome_of_a_commit(void **state)
{
    static const char *const faults[] = {"commit-retry@1", "commit-io@1", "commit-lost@1", "commit-unknown@1"};
    struct place *p = *state;
    int kept = 0;
    for (int round = 0; round < 16; round++) {
        bool committed = round % 4 == 3;
        reopen(p, faults[round % 4]);
        begin(p);
        for (int i = 0; i < 20; i++) {
            keep(p, kept + i);
        }
        assert_int_not_equal(store_batch_commit(p->s, &p->err), STORE_OK);
        kept += committed ? 20 : 0;
        expect_kept(p, 0, kept);
        keep_some(p, kept, kept + 3, 3);
        kept += 3;
        expect_kept(p, 0, kept);
    }
}

static void expired_keys_may_be_used_again(void **state)
{
    struct place *p = *state;
    reopen(p, NULL);
    keep_some(p, 0, 100, 10);
    begin(p);
    assert_int_equal(store_done_expire(p->s, 1000 * 40, 1000, &p->err), 40);
    commit(p);
    expect_kept(p, 40, 100);
    reopen(p, NULL);
    expect_kept(p, 40, 100);
    /* All of them; ids go on, so that no old entry of the index meets a new row. */
    begin(p);
    assert_int_equal(store_done_expire(p->s, 1000 * 100, 1000, &p->err), 60);
    commit(p);
    reopen(p, NULL);
    expect_kept(p, 0, 0);
    keep_some(p, 0, 50, 7);
    expect_kept(p, 0, 50);
    reopen(p, NULL);
    expect_kept(p, 0, 50);
}

/* Two keys of one number: the index takes the next number for the second. */
static void keys_of_one_number_are_told_apart(void **state)
{
    struct place *p = *state;
    char text[16];
    const struct store_request r = numbered(0, text);
    struct value taken[] = {value_int(keys_number(r.user_id, r.key)), value_int(999)};
    reopen(p, NULL);
    assert_int_equal(store_run(p->s, "INSERT INTO muster_done_key(number, done_id) VALUES(?, ?)", taken, 2, &p->err),
                     0);
    keep_some(p, 0, 60, 4);
    expect_kept(p, 0, 60);
    taken[0].i++;
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done_key WHERE done_id = 1"), 1);
    begin(p);
    assert_int_equal(store_done_expire(p->s, 1000, 10, &p->err), 1);
    commit(p);
    expect_kept(p, 1, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_found_before_and_after_they_are_indexed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_survive_a_restart_at_any_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_a_batch_that_is_rolled_back_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_agree_with_the_rows_after_each_outcome_of_a_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expired_keys_may_be_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_one_number_are_told_apart, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
