/* The store: batches, commands, doom, nested calls and idempotent replies, on SQLite. */
#include "store_place.h"

/* -- batches -- */

static void batch_keeps_what_its_commands_wrote(void **state)
{
    struct place *p = *state;
    begin(p);
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof(text), "note %d", i);
        begin_command(p);
        assert_int_equal(add(p, text), 0);
        end_command(p);
    }
    commit(p);
    assert_int_equal(notes(p), 3);
}

/* The one that is aborted leaves nothing; those before and after stand. */
static void batch_survives_a_failing_command(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "before"), 0);
    end_command(p);
    begin_command(p);
    assert_int_equal(add(p, "aborted"), 0);
    assert_int_equal(add(p, "before"), ERR_CONFLICT);
    assert_int_equal(store_command_abort(p->s), 0);
    begin_command(p);
    assert_int_equal(add(p, "after"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(notes(p), 2);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'aborted'"), 0);
}

static void aborted_batch_leaves_nothing(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "gone"), 0);
    end_command(p);
    store_batch_abort(p->s);
    assert_int_equal(notes(p), 0);
    begin(p);
    commit(p);
}

/* An open command is a fault of the caller; the batch is not committed behind its back. */
static void commit_with_an_open_command_is_refused(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(store_batch_commit(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), ERR_STATE);
    end_command(p);
    commit(p);
    assert_int_equal(store_batch_commit(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), ERR_STATE);
}

/* The linter would refuse the statement; with the linter off, the store still notices. */
static void insert_or_rollback_destroys_batch_and_is_noticed(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "innocent"), 0);
    end_command(p);
    begin_command(p);
    assert_true(store_batch_alive(p->s));
    assert_int_equal(run(p, "INSERT OR ROLLBACK INTO notes_note(text) VALUES('innocent')"), ERR_CONFLICT);
    assert_false(store_batch_alive(p->s));
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), STORE_LOST);
    assert_int_equal(store_command_begin(p->s, &plain, NULL, &p->err), ERR_POLICY);
    assert_int_equal(store_batch_commit(p->s, &p->err), STORE_LOST);
    assert_int_equal(notes(p), 0);
}

/* What the handler does after its transaction is gone must not be committed by itself. */
static void plugin_statement_after_the_loss_is_refused(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "twice"), 0);
    assert_int_equal(run(p, "INSERT OR ROLLBACK INTO notes_note(text) VALUES('twice')"), ERR_CONFLICT);
    assert_int_equal(add(p, "stray"), ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.lost");
    assert_int_equal(store_run(p->s, "DELETE FROM muster_user", NULL, 0, &p->err), ERR_POLICY);
    assert_int_equal(store_command_abort(p->s), STORE_LOST);
    store_batch_abort(p->s);
    assert_int_equal(notes(p), 0);
}

static void plugin_statement_in_autocommit_is_refused(void **state)
{
    struct place *p = *state;
    assert_int_equal(add(p, "stray"), ERR_POLICY);
    assert_string_equal(p->err.rule, "sql.autocommit");
    begin(p);
    assert_int_equal(add(p, "between commands"), ERR_POLICY);
    commit(p);
    assert_int_equal(notes(p), 0);
}

static void plugin_cannot_end_the_transaction(void **state)
{
    static const char *const texts[] = {"COMMIT",    "ROLLBACK",      "END",  "SAVEPOINT m",
                                        "RELEASE m", "ROLLBACK TO m", "BEGIN"};
    struct place *p = *state;
    begin(p);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        begin_command(p);
        assert_int_equal(add(p, "x"), 0);
        assert_int_equal(run(p, texts[i]), ERR_POLICY);
        assert_true(store_batch_alive(p->s));
        assert_int_equal(store_command_abort(p->s), 0);
    }
    commit(p);
    assert_int_equal(notes(p), 0);
}

/* -- doom and nesting -- */

static void sql_error_dooms_the_command(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "one"), 0);
    assert_int_equal(add(p, "one"), ERR_CONFLICT);
    assert_string_equal(p->err.rule, "sql.constraint");
    assert_non_null(strstr(p->err.text, "notes_note.text"));
    assert_int_equal(add(p, "two"), ERR_STATE);
    assert_string_equal(p->err.rule, "sql.doomed");
    assert_int_equal(store_command_end(p->s, &plain, SLICE(""), &p->err), ERR_STATE);
    assert_int_equal(store_command_abort(p->s), 0);
    commit(p);
    assert_int_equal(notes(p), 0);
}

static void nested_rollback_clears_a_doom_inside(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(add(p, "outer"), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "inner"), 0);
    assert_int_equal(add(p, "outer"), ERR_CONFLICT);
    assert_int_equal(store_nested_end(p->s, false, &p->err), 0);
    assert_int_equal(add(p, "later"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(notes(p), 2);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'inner'"), 0);
}

static void nested_keep_of_a_doomed_call_rolls_it_back(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    assert_int_equal(add(p, "inner"), 0);
    assert_int_equal(add(p, "inner"), ERR_CONFLICT);
    assert_int_equal(store_nested_end(p->s, true, &p->err), ERR_STATE);
    assert_int_equal(add(p, "outer"), 0);
    end_command(p);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM notes_note WHERE text = 'outer'"), 1);
    assert_int_equal(notes(p), 1);
}

/* Each level writes, or does not; each is kept or rolled back: the rows must be those of the kept chains, whatever
 * savepoints were really made. */
static void lazy_savepoints_are_sound_in_every_combination(void **state)
{
    struct place *p = *state;
    for (unsigned bits = 0; bits < 64; bits++) {
        const bool outer_first = bits & 1, inner_writes = bits & 2, inner_kept = bits & 4, outer_last = bits & 8,
                   command_kept = bits & 16, before = bits & 32;
        begin(p);
        if (before) {
            begin_command(p);
            assert_int_equal(add(p, "before"), 0);
            end_command(p);
        }
        begin_command(p);
        assert_int_equal(outer_first ? add(p, "outer first") : 0, 0);
        assert_int_equal(store_nested_begin(p->s, &p->err), 0);
        assert_int_equal(inner_writes ? add(p, "inner") : 0, 0);
        assert_int_equal(store_nested_end(p->s, inner_kept, &p->err), 0);
        assert_int_equal(outer_last ? add(p, "outer last") : 0, 0);
        if (command_kept) {
            end_command(p);
        } else {
            assert_int_equal(store_command_abort(p->s), 0);
        }
        commit(p);
        int wanted = before + (command_kept ? outer_first + (inner_writes && inner_kept) + outer_last : 0);
        assert_int_equal(notes(p), wanted);
        assert_int_equal(store_run(p->s, "DELETE FROM notes_note", NULL, 0, &p->err), 0);
    }
}

static void nesting_is_bounded(void **state)
{
    struct place *p = *state;
    begin(p);
    begin_command(p);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(store_nested_begin(p->s, &p->err), 0);
    }
    assert_int_equal(store_nested_begin(p->s, &p->err), ERR_LIMIT);
    assert_int_equal(add(p, "deep"), 0);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_nested_begin(p->s, &p->err), ERR_STATE);
    assert_int_equal(store_nested_end(p->s, true, &p->err), ERR_STATE);
    commit(p);
    assert_int_equal(notes(p), 0);
}

/* -- idempotency -- */

static void idempotent_reply_is_found_again(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    const struct store_request other = keyed("k1", 2);
    struct store_request somebody = keyed("k1", 2);
    struct buf reply = {0};
    somebody.user_id = 8;
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(add(p, "once"), 0);
    assert_int_equal(store_command_end(p->s, &r, SLICE(":42\r\n"), &p->err), 0);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_DONE);
    assert_true(slice_is(buf_view(&reply), ":42\r\n"));
    assert_int_equal(store_command_begin(p->s, &other, &reply, &p->err), STORE_CONFLICT);
    commit(p);
    buf_clear(&reply);
    assert_int_equal(store_command_find(p->s, &r, &reply, &p->err), STORE_DONE);
    assert_true(slice_is(buf_view(&reply), ":42\r\n"));
    assert_int_equal(store_command_find(p->s, &other, &reply, &p->err), STORE_CONFLICT);
    assert_int_equal(store_command_find(p->s, &somebody, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_find(p->s, &plain, &reply, &p->err), STORE_NEW);
    buf_close(&reply);
}

static void aborted_command_leaves_no_reply(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    struct buf reply = {0};
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    store_batch_abort(p->s);
    assert_int_equal(store_command_find(p->s, &r, &reply, &p->err), STORE_NEW);
    buf_close(&reply);
}

static void long_key_and_small_reply_buffer_are_refused(void **state)
{
    struct place *p = *state;
    char key[202];
    memset(key, 'k', 201);
    key[201] = '\0';
    const struct store_request r = keyed(key, 1);
    const struct store_request short_one = keyed("short", 1);
    struct buf reply;
    buf_init(&reply, 3);
    begin(p);
    assert_int_equal(store_command_begin(p->s, &r, &reply, &p->err), ERR_ARG);
    assert_string_equal(p->err.arg, "idem");
    assert_int_equal(store_command_begin(p->s, &short_one, &reply, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &short_one, SLICE("+OK\r\n"), &p->err), 0);
    commit(p);
    assert_int_equal(store_command_find(p->s, &short_one, &reply, &p->err), ERR_TOOBIG);
    buf_close(&reply);
}

/* A deadline that passed in one command is nothing to the lookup of the next. */
static void lookup_ignores_the_limits_of_the_command_before(void **state)
{
    struct place *p = *state;
    const struct store_request r = keyed("k1", 1);
    begin(p);
    store_limits(p->s, 1, 1, 1);
    assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
    assert_int_equal(add(p, "too late"), ERR_TIMEOUT);
    assert_int_equal(store_command_abort(p->s), 0);
    assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
    assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    commit(p);
    store_limits(p->s, 0, 0, 0);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done"), 1);
}

static void old_replies_expire_oldest_first(void **state)
{
    struct place *p = *state;
    begin(p);
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        struct store_request r = keyed(key, 1);
        r.at_ms = 1000 * i;
        assert_int_equal(store_command_begin(p->s, &r, NULL, &p->err), STORE_NEW);
        assert_int_equal(store_command_end(p->s, &r, SLICE("+OK\r\n"), &p->err), 0);
    }
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 3);
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 1);
    assert_int_equal(store_done_expire(p->s, 3500, 3, &p->err), 0);
    commit(p);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done WHERE idem = 'k4'"), 1);
    assert_int_equal(number(p->s, "SELECT count(*) FROM muster_done"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(batch_keeps_what_its_commands_wrote),
        CLAIM(batch_survives_a_failing_command),
        CLAIM(aborted_batch_leaves_nothing),
        CLAIM(commit_with_an_open_command_is_refused),
        CLAIM_UNSAFE(insert_or_rollback_destroys_batch_and_is_noticed),
        CLAIM_UNSAFE(plugin_statement_after_the_loss_is_refused),
        CLAIM(plugin_statement_in_autocommit_is_refused),
        CLAIM(plugin_cannot_end_the_transaction),
        CLAIM_UNSAFE(plugin_cannot_end_the_transaction),
        CLAIM(sql_error_dooms_the_command),
        CLAIM(nested_rollback_clears_a_doom_inside),
        CLAIM(nested_keep_of_a_doomed_call_rolls_it_back),
        CLAIM(lazy_savepoints_are_sound_in_every_combination),
        CLAIM(nesting_is_bounded),
        CLAIM(idempotent_reply_is_found_again),
        CLAIM(aborted_command_leaves_no_reply),
        CLAIM(long_key_and_small_reply_buffer_are_refused),
        CLAIM(lookup_ignores_the_limits_of_the_command_before),
        CLAIM(old_replies_expire_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
