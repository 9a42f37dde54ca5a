/* The audit chain: rows in order, each bound to the one before; and whatever is changed afterwards shows. */
#include "house.h"

#include "access/audit.h"

static struct audit_row row_of(int n)
{
    struct audit_row row = {
        .received_ms = 1000 + n,
        .at_ms = 500 + n,
        .user = SLICE("wang"),
        .fingerprint = n % 2 ? SLICE("ab12") : SLICE(""),
        .command = SLICE("fund.give"),
        .args = SLICE("{\"fund\":\"DUES\"}"),
        .generation = 1,
        .duration_us = 12,
        .outcome = SLICE("ok"),
    };
    memcpy(row.request, &n, sizeof(n));
    return row;
}

static void append(struct house *h, struct audit_head *head, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        struct audit_row row = row_of(i);
        house_expect(h, audit_append(h->s, head, &row, &h->err), 0, NULL);
        assert_int_equal(row.id, i);
    }
}

static struct audit_check verify(struct house *h, int64_t from, int64_t max_rows)
{
    struct audit_check check = {.from = from, .max_rows = max_rows};
    house_expect(h, audit_verify(h->s, &check, &h->err), 0, NULL);
    return check;
}

static void chain_is_proved_whole_and_in_parts(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0};
    struct audit_check empty = verify(h, 0, 0);
    assert_true(empty.complete && empty.rows == 0 && empty.broken == 0);
    append(h, &head, 1, 1300);
    struct audit_check all = verify(h, 0, 0);
    assert_true(all.complete);
    assert_int_equal(all.rows, 1300);
    assert_int_equal(all.broken, 0);
    struct audit_check part = verify(h, 0, 700);
    assert_false(part.complete);
    assert_int_equal(part.last, 700);
    struct audit_check rest = verify(h, 701, 0);
    assert_true(rest.complete);
    assert_int_equal(rest.rows, 600);
    assert_string_equal(rest.head, all.head);
    struct audit_check beyond = {.from = 5000};
    house_expect(h, audit_verify(h->s, &beyond, &h->err), ERR_NOTFOUND, "audit.row");
}

/* A writer that starts anew goes on where the chain ends. */
static void chain_goes_on_after_a_restart(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0}, later = {0};
    append(h, &head, 1, 3);
    append(h, &later, 4, 3);
    struct audit_check all = verify(h, 0, 0);
    assert_true(all.complete);
    assert_int_equal(all.rows, 6);
}

static void rolled_back_row_leaves_no_hole(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0};
    append(h, &head, 1, 2);
    house_commit(h);
    house_begin(h);
    const struct audit_head before = head;
    append(h, &head, 3, 1);
    house_again(h);
    head = before;
    append(h, &head, 3, 2);
    struct audit_check all = verify(h, 0, 0);
    assert_true(all.complete);
    assert_int_equal(all.rows, 4);
}

/* Each field, a row taken out, and two rows changed places: the first wrong row is named. */
static void every_change_shows(void **state)
{
    struct house *h = *state;
    static const struct {
        const char *sql;
        int broken;
    } changes[] = {
        {"UPDATE muster_audit SET user = 'li' WHERE id = 3", 3},
        {"UPDATE muster_audit SET args = '{}' WHERE id = 1", 1},
        {"UPDATE muster_audit SET command = 'fund.take' WHERE id = 10", 10},
        {"UPDATE muster_audit SET received_at = received_at + 1 WHERE id = 4", 4},
        {"UPDATE muster_audit SET at = at - 1 WHERE id = 4", 4},
        {"UPDATE muster_audit SET fingerprint = NULL WHERE id = 5", 5},
        {"UPDATE muster_audit SET duration_us = 0 WHERE id = 6", 6},
        {"UPDATE muster_audit SET generation = 2 WHERE id = 7", 7},
        {"UPDATE muster_audit SET outcome = 'no' WHERE id = 8", 8},
        {"UPDATE muster_audit SET chain = zeroblob(32) WHERE id = 9", 9},
        {"UPDATE muster_audit SET chain = zeroblob(5) WHERE id = 9", 9},
        {"UPDATE muster_audit SET request = zeroblob(16) WHERE id = 2", 2},
        {"DELETE FROM muster_audit WHERE id = 4", 4},
        {"DELETE FROM muster_audit WHERE id = 1", 1},
    };
    struct audit_head head = {0};
    append(h, &head, 1, 10);
    house_commit(h);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        house_begin(h);
        house_expect(h, store_run(h->s, changes[i].sql, NULL, 0, &h->err), 0, NULL);
        struct audit_check check = verify(h, 0, 0);
        if (check.broken != changes[i].broken || check.complete)
            fail_msg("%s: broken %d", changes[i].sql, (int)check.broken);
        assert_non_null(check.reason);
        assert_int_equal(check.last, changes[i].broken - 1);
        store_command_abort(h->s);
        store_batch_abort(h->s);
    }
    house_begin(h);
    assert_true(verify(h, 0, 0).complete);
}

/* Bytes moved from one field to the next are another row: lengths are hashed too. */
static void fields_cannot_flow_into_each_other(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0};
    append(h, &head, 1, 1);
    house_expect(h,
                 store_run(h->s, "UPDATE muster_audit SET command = 'fund.giv', args = 'e{\"fund\":\"DUES\"}'", NULL, 0,
                           &h->err),
                 0, NULL);
    assert_int_equal(verify(h, 0, 0).broken, 1);
}

static void tail_is_newest_first(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0};
    append(h, &head, 1, 5);
    struct buf out = {0};
    struct reply reply;
    reply_begin(&reply, &out, 100000);
    house_expect(h, audit_tail(h->s, 2, &reply, &h->err), 0, NULL);
    assert_int_equal(reply_finish(&reply), 0);
    assert_int_equal(strncmp(buf_cstr(&out), "*2\r\n%10\r\n$2\r\nid\r\n:5\r\n", 21), 0);
    assert_non_null(strstr(out.data, "$2\r\nid\r\n:4\r\n"));
    buf_close(&out);
}

static void request_is_found_by_id(void **state)
{
    struct house *h = *state;
    struct audit_head head = {0};
    append(h, &head, 1, 2);
    struct audit_row two = row_of(2), three = row_of(3);
    assert_int_equal(audit_has(h->s, 2, two.request, &h->err), 1);
    assert_int_equal(audit_has(h->s, 2, three.request, &h->err), 0);
    assert_int_equal(audit_has(h->s, 3, three.request, &h->err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(chain_is_proved_whole_and_in_parts, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(chain_goes_on_after_a_restart, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(rolled_back_row_leaves_no_hole, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(every_change_shows, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(fields_cannot_flow_into_each_other, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(tail_is_newest_first, house_set_up, house_tear_down),
        cmocka_unit_test_setup_teardown(request_is_found_by_id, house_set_up, house_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
