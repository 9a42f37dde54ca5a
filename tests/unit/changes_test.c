/* The record of what a command changes, and statements that are only compiled. */
#include "store_place.h"

#include "store/changes.h"

static void change(struct place *p, const char *sql)
{
    assert_int_equal(store_exec(p->s, "notes", slice_of(sql), NULL, 0, NULL, &p->err), 0);
}

static struct changes *record(struct place *p, int max)
{
    struct changes *c = NULL;
    assert_int_equal(changes_begin(p->s, max, &c, &p->err), 0);
    return c;
}

static void a_record_has_each_row_as_it_was_and_as_it_is(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    change(p, "INSERT INTO notes_note(id, text) VALUES (1, 'one'), (2, 'two')");
    struct changes *c = record(p, 10);
    change(p, "UPDATE notes_note SET text = '一', size = 3 WHERE id = 1");
    change(p, "INSERT INTO notes_note(id, text) VALUES (3, 'three')");
    change(p, "DELETE FROM notes_note WHERE id = 2");
    assert_int_equal(changes_stop(c, &p->err), 0);
    assert_int_equal(changes_count(c), 3);
    const struct change *update = changes_at(c, 0), *insert = changes_at(c, 1), *delete = changes_at(c, 2);
    assert_string_equal(update->op, "update");
    assert_string_equal(update->table, "notes_note");
    assert_int_equal(update->columns, 3);
    assert_string_equal(update->names[1], "text");
    assert_true(slice_is(update->before[1].s, "one") && slice_is(update->after[1].s, "一"));
    assert_true(update->before[2].type == VALUE_NULL && update->after[2].i == 3);
    assert_string_equal(insert->op, "insert");
    assert_null(insert->before);
    assert_int_equal(insert->after[0].i, 3);
    assert_string_equal(delete->op, "delete");
    assert_null(delete->after);
    assert_true(slice_is(delete->before[1].s, "two"));
    changes_free(c);
    end_command(p);
    commit(p);
}

static void rows_of_a_nested_call_that_was_undone_are_not_in_it(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    struct changes *c = record(p, 10);
    change(p, "INSERT INTO notes_note(id, text) VALUES (1, 'kept')");
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    change(p, "INSERT INTO notes_note(id, text) VALUES (2, 'undone')");
    assert_int_equal(store_nested_end(p->s, false, &p->err), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    change(p, "INSERT INTO notes_note(id, text) VALUES (3, 'undone by the outer one')");
    assert_int_equal(store_nested_end(p->s, true, &p->err), 0);
    assert_int_equal(store_nested_end(p->s, false, &p->err), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    change(p, "INSERT INTO notes_note(id, text) VALUES (4, 'kept too')");
    assert_int_equal(store_nested_end(p->s, true, &p->err), 0);
    assert_int_equal(changes_stop(c, &p->err), 0);
    assert_int_equal(changes_count(c), 2);
    assert_int_equal(changes_at(c, 1)->after[0].i, 4);
    changes_free(c);
    end_command(p);
    commit(p);
}

/* A DELETE without WHERE that was compiled before empties the table without a word. */
static void a_table_that_is_emptied_names_its_rows(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    change(p, "DELETE FROM notes_part");
    change(p, "INSERT INTO notes_note(id, text) VALUES (1, 'one')");
    change(p, "INSERT INTO notes_part(id, note) VALUES (1, 1), (2, 1), (3, 1)");
    struct changes *c = record(p, 10);
    change(p, "DELETE FROM notes_part");
    assert_int_equal(changes_stop(c, &p->err), 0);
    assert_int_equal(changes_count(c), 3);
    changes_free(c);
    end_command(p);
    commit(p);
}

static void a_record_is_bounded_and_says_how_much_is_missing(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    struct changes *c = record(p, 2);
    change(p, "INSERT INTO notes_note(id, text) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')");
    assert_int_equal(changes_stop(c, &p->err), 0);
    assert_int_equal(changes_count(c), 2);
    assert_int_equal(changes_more(c), 3);
    changes_free(c);
    end_command(p);
    commit(p);
}

static void only_one_record_at_a_time_and_only_in_a_command(void **state)
{
    struct place *p = *state;
    struct changes *c = NULL, *other = NULL;
    assert_int_equal(changes_begin(p->s, 10, &c, &p->err), ERR_STATE);
    begin(p);
    begin_command(p);
    assert_int_equal(changes_begin(p->s, 10, &c, &p->err), 0);
    assert_int_equal(changes_begin(p->s, 10, &other, &p->err), ERR_STATE);
    changes_free(c);
    assert_int_equal(changes_begin(p->s, 10, &c, &p->err), 0);
    changes_free(c);
    end_command(p);
    commit(p);
}

static void a_statement_is_checked_without_being_run(void **state)
{
    struct place *p = *state;
    assert_int_equal(store_check_sql(p->s, "notes", SLICE("INSERT INTO notes_note(text, size) VALUES (?, ?)"), &p->err),
                     2);
    assert_int_equal(store_check_sql(p->s, "notes", SLICE("SELECT txet FROM notes_note"), &p->err), ERR_ARG);
    assert_non_null(strstr(p->err.text, "txet"));
    assert_int_equal(store_check_sql(p->s, "notes", SLICE("SELECT * FROM muster_user"), &p->err), ERR_POLICY);
    assert_int_equal(store_check_sql(p->s, "notes", SLICE("PRAGMA user_version"), &p->err), ERR_POLICY);
    begin(p);
    begin_command(p);
    struct value count;
    struct buf keep = {0};
    assert_int_equal(
        store_value(p->s, "notes", SLICE("SELECT count(*) FROM notes_note"), NULL, 0, &count, &keep, &p->err), 1);
    assert_int_equal(count.i, 0);
    buf_close(&keep);
    end_command(p);
    commit(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_has_each_row_as_it_was_and_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_a_nested_call_that_was_undone_are_not_in_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_is_emptied_names_its_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_is_bounded_and_says_how_much_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_one_record_at_a_time_and_only_in_a_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_is_checked_without_being_run, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
