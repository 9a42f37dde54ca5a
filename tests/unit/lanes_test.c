/* The lanes: group commit, what a failing command costs its neighbours, repeated requests, and every outcome of a commit. */
#include "world.h"

/* -- group commit -- */

/* One run of ten writes: replies in order, one transaction. */
static void run_commits_once_and_answers_in_order(void **state)
{
    struct world *w = *state;
    struct run *run = NULL;
    const struct lanes_stats before = stats(w);
    for (int i = 0; i < 10; i++)
        run = add(w, run, w->admin, "t.put same");
    submit(w, run);
    run = take(w);
    for (int i = 0; i < 10; i++)
        assert_int_equal(expect_int(reply_at(run, i)), i + 1);
    run_free(run);
    const struct lanes_stats after = stats(w);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.commands - before.commands, 10);
}

/* What queues up while the writer is busy is committed together. */
static void queued_runs_share_a_transaction(void **state)
{
    struct world *w = *state;
    const struct lanes_stats before = stats(w);
    submit(w, add(w, NULL, w->admin, "t.slow 100"));
    for (int i = 0; i < 50; i++)
        submit(w, add(w, NULL, w->admin, "t.put a"));
    for (int i = 0; i <= 50; i++) {
        struct run *run = take(w);
        expect_fine(reply_at(run, 0));
        if (i > 0)
            assert_int_equal(expect_int(reply_at(run, 0)), i);
        run_free(run);
    }
    assert_true(stats(w).commits - before.commits <= 3);
    assert_int_equal(rows_with(w, "a"), 50);
}

static void failing_command_loses_only_itself(void **state)
{
    struct world *w = *state;
    struct run *run = add(w, NULL, w->admin, "t.put one");
    add(w, run, w->admin, "t.refuse two");
    add(w, run, w->admin, "t.put");
    add(w, run, w->admin, "t.put three");
    const int64_t audit = audit_rows(w);
    submit(w, run);
    run = take(w);
    assert_int_equal(expect_int(reply_at(run, 0)), 1);
    expect_error(reply_at(run, 1), ERR_STATE, "t.refused");
    expect_error(reply_at(run, 2), ERR_ARG, "arg.required");
    assert_int_equal(expect_int(reply_at(run, 3)), 2);
    run_free(run);
    assert_int_equal(rows_with(w, "two"), 0);
    assert_int_equal(audit_rows(w) - audit, 2);
}

/* One run and its neighbours in the same batch; `guilty` destroys the transaction in the middle. */
static void destroy_in_the_middle(struct world *w, const char *guilty, int code, const char *rule)
{
    const int64_t audit = audit_rows(w);
    submit(w, add(w, NULL, w->admin, "t.slow 50"));
    struct run *run = add(w, NULL, w->admin, "t.put a");
    add(w, run, w->admin, "t.put b idem=k1");
    add(w, run, w->admin, guilty);
    add(w, run, w->admin, "t.put c");
    add(w, run, w->admin, "t.put b idem=k1");
    submit(w, add(w, NULL, w->admin, "t.put d"));
    submit(w, run);
    submit(w, add(w, NULL, w->admin, "t.put e"));
    run_free(take(w));
    /* A lost batch ends in the middle of the run, which then waits behind the one after it. */
    struct run *d = take(w), *e = take(w), *middle = take(w);
    assert_ptr_equal(middle, run);
    expect_fine(reply_at(d, 0));
    expect_fine(reply_at(e, 0));
    expect_fine(reply_at(middle, 0));
    expect_fine(reply_at(middle, 1));
    expect_error(reply_at(middle, 2), code, rule);
    expect_fine(reply_at(middle, 3));
    assert_true(reader_is_replayed(reply_at(middle, 4)));
    run_free(d);
    run_free(middle);
    run_free(e);
    static const char *const once[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rows_with(w, once[i]), 1);
    assert_int_equal(rows_with(w, "guilty"), 0);
    assert_int_equal(rows_with(w, "again"), 0);
    assert_int_equal(audit_rows(w) - audit, 6); /* slow and five rows */
}

static void lost_batch_loses_only_the_guilty(void **state)
{
    destroy_in_the_middle(*state, "t.destroy guilty", ERR_POLICY, "sql.batch");
}

static void guilty_cannot_hide_the_loss(void **state)
{
    destroy_in_the_middle(*state, "t.destroy_quietly guilty", ERR_POLICY, "sql.batch");
}

/* All of a batch destroy it: each fails alone, and the lane goes on. */
/* SQLite rolls back the whole transaction where it gets no memory. */
static void a_statement_without_memory_loses_only_its_command(void **state)
{
    struct world *w = *state;
    struct run *run = add(w, NULL, w->admin, "t.put a");
    add(w, run, w->admin, "t.hoard guilty");
    add(w, run, w->admin, "t.put c");
    submit(w, run);
    assert_ptr_equal(take(w), run);
    expect_fine(reply_at(run, 0));
    expect_error(reply_at(run, 1), ERR_LIMIT, "limit.memory");
    expect_fine(reply_at(run, 2));
    run_free(run);
    assert_int_equal(rows_with(w, "a"), 1);
    assert_int_equal(rows_with(w, "guilty"), 0);
    assert_int_equal(rows_with(w, "c"), 1);
}

/* A query may end the snapshot that its run shares; what stands behind it is read in another. */
static void a_query_that_ends_the_snapshot_leaves_its_neighbours(void **state)
{
    struct world *w = *state;
    must(w, "t.put a");
    struct run *run = add(w, NULL, w->admin, "t.count a");
    add(w, run, w->admin, "t.rollback_read");
    add(w, run, w->admin, "t.count a");
    submit(w, run);
    assert_ptr_equal(take(w), run);
    for (int i = 0; i < 3; i++)
        expect_fine(reply_at(run, i));
    run_free(run);
}

static void many_guilty_fail_each(void **state)
{
    struct world *w = *state;
    struct run *run = NULL;
    for (int i = 0; i < 8; i++)
        run = add(w, run, w->admin, i == 5 ? "t.put fine" : "t.destroy guilty");
    submit(w, run);
    run = take(w);
    for (int i = 0; i < 8; i++) {
        if (i == 5)
            expect_fine(reply_at(run, i));
        else
            expect_error(reply_at(run, i), ERR_POLICY, "sql.batch");
    }
    run_free(run);
    assert_int_equal(rows_with(w, "fine"), 1);
    assert_int_equal(rows_with(w, "guilty"), 0);
}

/* A batch may end in the middle of a run. */
static void long_run_spans_small_batches(void **state)
{
    struct world *w = *state;
    struct lanes_options o = defaults;
    o.batch_commands = 2;
    o.mailbox = 2;
    restart(w, o);
    const struct lanes_stats before = stats(w);
    struct run *run = NULL;
    for (int i = 0; i < 7; i++)
        run = add(w, run, w->admin, i == 3 ? "t.destroy guilty" : "t.put x");
    submit(w, run);
    run = take(w);
    for (int i = 0; i < 7; i++) {
        if (i == 3)
            expect_error(reply_at(run, i), ERR_POLICY, "sql.batch");
        else
            assert_int_equal(expect_int(reply_at(run, i)), i < 3 ? i + 1 : i);
    }
    run_free(run);
    assert_true(stats(w).batches - before.batches >= 4);
    assert_int_equal(rows_with(w, "x"), 6);
}

/* -- repeated requests -- */

static void same_key_has_one_effect(void **state)
{
    struct world *w = *state;
    submit(w, add(w, NULL, w->admin, "t.slow 30"));
    for (int i = 0; i < 50; i++)
        submit(w, add(w, NULL, w->admin, i % 2 ? "t.put gift idem=key" : "t.put idem=key text=gift"));
    run_free(take(w));
    int replayed = 0;
    for (int i = 0; i < 50; i++) {
        struct run *run = take(w);
        assert_int_equal(expect_int(reply_at(run, 0)), 1);
        replayed += reader_is_replayed(reply_at(run, 0));
        run_free(run);
    }
    assert_int_equal(replayed, 49);
    assert_int_equal(rows_with(w, "gift"), 1);
    restart(w, defaults);
    struct run *run = ask_as(w, w->admin, "t.put gift idem=key");
    assert_true(reader_is_replayed(reply_at(run, 0)));
    run_free(run);
    run = ask_as(w, w->admin, "t.put other idem=key");
    expect_error(reply_at(run, 0), ERR_DUP, "idem.conflict");
    run_free(run);
    assert_int_equal(rows_with(w, "gift"), 1);
}

/* A refused request leaves its key free. */
static void refusal_keeps_no_key(void **state)
{
    struct world *w = *state;
    struct run *run = ask_as(w, w->admin, "t.refuse a idem=key");
    expect_error(reply_at(run, 0), ERR_STATE, "t.refused");
    run_free(run);
    run = ask_as(w, w->admin, "t.put a idem=key");
    expect_fine(reply_at(run, 0));
    assert_false(reader_is_replayed(reply_at(run, 0)));
    run_free(run);
}

/* Old keys go when the writer has nothing to do. */
static void old_keys_are_forgotten(void **state)
{
    struct world *w = *state;
    struct lanes_options o = defaults;
    o.idem_keep_ms = 1;
    restart(w, o);
    must(w, "t.put a idem=key");
    bool again = false;
    for (int i = 0; i < 50 && !again; i++) {
        const struct timespec ts = {.tv_nsec = 100000000};
        nanosleep(&ts, NULL);
        struct run *run = ask_as(w, w->admin, "t.put a idem=key");
        again = !reader_is_replayed(reply_at(run, 0));
        run_free(run);
        i += again ? 0 : 4; /* asking keeps the writer awake: leave it time */
        const struct timespec quiet = {.tv_nsec = 500000000};
        nanosleep(&quiet, NULL);
    }
    assert_true(again);
}

static void secrets_are_not_kept(void **state)
{
    struct world *w = *state;
    must(w, "user.add wang");
    struct run *run = ask_as(w, w->admin, "user.token wang phone idem=k");
    expect_error(reply_at(run, 0), ERR_ARG, "arg.idem_secret");
    run_free(run);
    run = ask_as(w, w->admin, "user.password wang password=correct-horse idem=k");
    expect_error(reply_at(run, 0), ERR_ARG, "arg.idem_secret");
    run_free(run);
    must(w, "user.password wang password=correct-horse");
    run = ask_as(w, w->admin, "audit.tail 1");
    assert_non_null(memmem(run->out.data, run->out.len, "***", 3));
    assert_null(memmem(run->out.data, run->out.len, "correct-horse", 13));
    run_free(run);
}

/* -- outcomes of a commit -- */

enum fate { FATE_FINE, FATE_NOTHING, FATE_UNKNOWN };

/* What a client may conclude from a reply. */
static enum fate fate_of(struct slice reply)
{
    struct err err;
    int code = code_of(reply, &err);
    return code == 0 ? FATE_FINE : code == ERR_UNKNOWN ? FATE_UNKNOWN : FATE_NOTHING;
}

enum { RUNS = 6, PER_RUN = 4 };

/* Send runs, some with keys, under a fault; then look with a sound server what is there. Returns how many were not fine, or -1 when the
 * fault hit the start. */
static int survive(const char *fault, bool *is_fenced)
{
    struct world *w = NULL;
    void *state = NULL;
    set_up(&state);
    w = state;
    stop(w);
    struct lanes_options o = defaults;
    o.faults = fault;
    o.batch_commands = 6;
    int bad = -1;
    enum fate fates[RUNS][PER_RUN];
    bool started = try_start(w, o) == 0;
    *is_fenced = false;
    if (started) {
        bad = 0;
        int sent = 0;
        for (int i = 0; i < RUNS; i++) {
            struct run *run = NULL;
            for (int k = 0; k < PER_RUN; k++) {
                char line[80];
                snprintf(line, sizeof(line), k % 2 ? "t.put r%d.%d idem=i%d.%d" : "t.put r%d.%d", i, k, i, k);
                run = add(w, run, w->admin, line);
            }
            run->owner = (void *)(intptr_t)(i + 1);
            if (lanes_put(w->lanes, run) == 0) {
                sent++;
                continue;
            }
            assert_true(lanes_fenced(w->lanes));
            run_free(run);
            for (int k = 0; k < PER_RUN; k++)
                fates[i][k] = FATE_NOTHING;
        }
        for (; sent > 0; sent--) {
            struct run *run = take(w);
            int i = (int)(intptr_t)run->owner - 1;
            for (int k = 0; k < PER_RUN; k++) {
                fates[i][k] = fate_of(reply_at(run, k));
                bad += fates[i][k] != FATE_FINE;
            }
            run_free(run);
        }
        *is_fenced = lanes_fenced(w->lanes);
        stop(w);
    }
    start(w, defaults);
    int64_t present = 0;
    for (int i = 0; started && i < RUNS; i++) {
        for (int k = 0; k < PER_RUN; k++) {
            char text[40];
            snprintf(text, sizeof(text), "r%d.%d", i, k);
            int64_t rows = rows_with(w, text);
            if (rows > 1 || (fates[i][k] == FATE_FINE && rows != 1) || (fates[i][k] == FATE_NOTHING && rows != 0))
                fail_msg("%s: %s answered %d, %d rows", fault, text, fates[i][k], (int)rows);
            present += rows;
        }
    }
    assert_int_equal(audit_rows(w), present + 1); /* t.create */
    tear_down(&state);
    return bad;
}

/* Each fault at the first, second, third … opportunity: whatever was promised holds, and where the fault can be survived nobody notices. */
static void every_fault_is_survived(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        bool harmless, fences;
    } faults[] = {
        {"commit-retry", true, false}, {"commit-unknown", true, false}, {"commit-lost", true, false},
        {"commit-io", false, false},   {"commit-fenced", false, true},  {"begin-fenced", false, true},
        {"exec-full", false, false},
    };
    for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
        int noticed = 0, fenced = 0;
        for (int n = 1; n <= 5; n++) {
            char fault[40];
            bool is_fenced;
            snprintf(fault, sizeof(fault), "%s@%d", faults[f].what, n);
            int bad = survive(fault, &is_fenced);
            if (bad > 0 && faults[f].harmless)
                fail_msg("%s: %d were not answered", fault, bad);
            noticed += bad > 0;
            fenced += is_fenced;
        }
        if (!faults[f].harmless && noticed == 0)
            fail_msg("%s never struck", faults[f].what);
        assert_int_equal(fenced > 0, faults[f].fences);
    }
}

/* Two faults in a row. */
static void repeated_faults_are_survived(void **state)
{
    (void)state;
    bool is_fenced;
    assert_int_equal(survive("commit-retry@1,commit-lost@2,commit-unknown@3,commit-retry@4", &is_fenced), 0);
    assert_int_equal(survive("commit-lost@1,commit-lost@2,commit-retry@3,commit-unknown@4", &is_fenced), 0);
}

/* A long run of slow commands of one, and a single quick one of another behind it: which is done first? */
static void expect_turns(struct world *w, const char *slow_line, const char *quick_line)
{
    struct run *many = NULL;
    for (int i = 0; i < 20; i++)
        many = add(w, many, w->admin, slow_line);
    struct run *one = add(w, NULL, w->admin, quick_line);
    submit(w, many);
    submit(w, one);
    assert_ptr_equal(take(w), one);
    assert_ptr_equal(take(w), many);
    for (int i = 0; i < 20; i++)
        expect_fine(reply_at(many, i));
    run_free(many);
    run_free(one);
}

static void deep_pipeline_takes_turns_with_others(void **state)
{
    struct world *w = *state;
    struct lanes_options o = defaults;
    o.readers = 1;
    restart(w, o);
    expect_turns(w, "t.nap 30", "t.count a");
    expect_turns(w, "t.slow 10", "t.put a");
}

/* -- access on the lanes -- */

/* Nobody could find out whether the revocation was kept; it was, so it holds. */
static void right_revoked_in_an_unknown_commit_is_gone(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.define putter [\"t.*\"]");
    must(w, "role.grant wang putter");
    /* Which commit the revocation is, and how many batches were begun by then, depends on the writer's tidying: on a busy
     * machine it finds time for more of it, and some of that begins a batch and commits none. */
    for (int nth = 0; nth < 60 && err.code != ERR_UNKNOWN; nth++) {
        const int n = 1 + nth / 3, begun = n + 1 + nth % 3;
        char faults[80];
        struct lanes_options o = defaults;
        snprintf(faults, sizeof(faults), "commit-unknown@%d,begin-fenced@%d", n, begun);
        o.faults = faults;
        stop(w);
        if (try_start(w, o) != 0) {
            start(w, defaults);
            continue;
        }
        struct identity *wang = sign_in(w, "wang", "correct-horse");
        struct run *run = ask_as(w, w->admin, "role.revoke wang putter");
        code_of(reply_at(run, 0), &err);
        run_free(run);
        run = ask_as(w, wang, "t.count a");
        if (err.code == ERR_UNKNOWN)
            expect_error(reply_at(run, 0), ERR_NOPERM, "access.permission");
        run_free(run);
        identity_unref(wang);
        restart(w, defaults);
        /* The faults may meet other batches, the writer's tidying too: then the revocation stood, or was refused. */
        if (err.code == 0)
            must(w, "role.grant wang putter");
    }
    assert_int_equal(err.code, ERR_UNKNOWN);
}

/* The right goes while the password is hashed, in a snapshot that still has it. */
static void right_revoked_during_a_sign_in_is_gone(void **state)
{
    struct world *w = *state;
    const struct slice words[] = {SLICE("wang"), SLICE("correct-horse")};
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.define putter [\"t.*\"]");
    must(w, "role.grant wang putter");
    struct run *run = run_new(RUN_PASSWORD, MODE_READ, w->registry, NULL);
    run_add(run, NULL, words, 2);
    submit(w, run);
    usleep(3000); /* the reader has looked, and hashes */
    submit(w, add(w, NULL, w->admin, "role.revoke wang putter"));
    struct identity *wang = NULL;
    for (int i = 0; i < 2; i++) {
        run = take(w);
        if (run->fresh && run->kind == RUN_PASSWORD)
            wang = identity_ref(run->fresh);
        run_free(run);
    }
    assert_non_null(wang);
    run = ask_as(w, wang, "t.count a");
    expect_error(reply_at(run, 0), ERR_NOPERM, "access.permission");
    run_free(run);
    identity_unref(wang);
}

static void revoked_right_ends_in_the_same_batch(void **state)
{
    struct world *w = *state;
    char token[100] = "";
    must(w, "user.add wang language=en");
    must(w, "role.define putter [\"t.*\"]");
    must(w, "role.grant wang putter");
    struct run *run = ask_as(w, w->admin, "user.token wang phone");
    struct reader r = {reply_at(run, 0)};
    struct node node;
    for (int i = 0; i < 3; i++)
        assert_int_equal(reader_next(&r, &node), 1);
    memcpy(token, node.s.data, node.s.len);
    run_free(run);
    struct identity *wang = sign_in(w, "wang", token);
    assert_non_null(wang);
    submit(w, add(w, NULL, w->admin, "t.slow 50"));
    submit(w, add(w, NULL, wang, "t.put before"));
    submit(w, add(w, NULL, w->admin, "role.revoke wang putter"));
    submit(w, add(w, NULL, wang, "t.put after"));
    submit(w, add(w, NULL, w->admin, "role.grant wang putter"));
    submit(w, add(w, NULL, wang, "t.put again"));
    struct run *runs[6];
    for (int i = 0; i < 6; i++)
        runs[i] = take(w);
    expect_fine(reply_at(runs[1], 0));
    expect_error(reply_at(runs[3], 0), ERR_NOPERM, "access.permission");
    expect_fine(reply_at(runs[5], 0));
    for (int i = 0; i < 6; i++)
        run_free(runs[i]);
    /* And on a reader, with the identity of the sign-in. */
    must(w, "role.revoke wang putter");
    run = ask_as(w, wang, "t.count before");
    expect_error(reply_at(run, 0), ERR_NOPERM, "access.permission");
    assert_non_null(run->fresh);
    run_free(run);
    must(w, "user.disable wang");
    run = ask_as(w, wang, "t.put x");
    expect_error(reply_at(run, 0), ERR_NOAUTH, "user.disabled");
    run_free(run);
    identity_unref(wang);
    assert_null(sign_in(w, "wang", token));
    assert_int_equal(w->err.code, ERR_WRONGPASS);
}

static void passwords_sign_in_on_a_reader(void **state)
{
    struct world *w = *state;
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    assert_non_null(wang);
    assert_null(sign_in(w, "wang", "wrong-horse"));
    assert_string_equal(w->err.rule, "access.sign_in");
    struct run *run = ask_as(w, wang, "t.who");
    expect_error(reply_at(run, 0), ERR_NOPERM, "access.permission");
    run_free(run);
    run = ask_as(w, wang, "limits");
    expect_fine(reply_at(run, 0));
    run_free(run);
    identity_unref(wang);
}

/* `at` sets the business time for those who may, and audit keeps both times. */
static void at_needs_the_right(void **state)
{
    struct world *w = *state;
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.define putter [\"t.*\"]");
    must(w, "role.grant wang putter");
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    struct run *run = ask_as(w, wang, "t.put a at=2020-02-10T09:00:00+08:00");
    expect_error(reply_at(run, 0), ERR_NOPERM, "access.backdate");
    run_free(run);
    run = ask_as(w, w->admin, "t.whow at=2020-02-10T09:00:00+08:00 lang=en");
    struct slice reply = reply_at(run, 0);
    assert_non_null(memmem(reply.data, reply.len, ":1581296400000\r\n", 16));
    assert_non_null(memmem(reply.data, reply.len, "$2\r\nen\r\n", 8));
    run_free(run);
    run = ask_as(w, w->admin, "audit.tail 1");
    assert_non_null(memmem(run->out.data, run->out.len, "at\r\n:1581296400000\r\n", 20));
    run_free(run);
    identity_unref(wang);
}

/* A change of rights asks for the whole server, and only administrators touch administrators. */
static void rights_on_a_unit_do_not_reach_users(void **state)
{
    struct world *w = *state;
    must(w, "user.add wang");
    must(w, "user.password wang password=correct-horse");
    must(w, "role.define all [\"*\"]");
    must(w, "role.grant wang all");
    struct identity *wang = sign_in(w, "wang", "correct-horse");
    static const char *const refused[] = {"user.token admin stolen", "user.password admin password=mine-mine",
                                          "user.disable admin", "role.grant wang administrator",
                                          "role.grant admin all"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct run *run = ask_as(w, wang, refused[i]);
        expect_error(reply_at(run, 0), ERR_POLICY, "access.admin_only");
        run_free(run);
    }
    identity_unref(wang);
    struct run *run = ask_as(w, w->admin, "user.disable admin");
    expect_error(reply_at(run, 0), ERR_POLICY, "access.last_admin");
    run_free(run);
}

static void expect_text(struct world *w, const char *line, const char *text)
{
    struct run *run = ask_as(w, w->admin, line);
    struct err err;
    assert_true(code_of(reply_at(run, 0), &err) != 0);
    if (!strstr(err.text, text))
        fail_msg("%s answers: %s", line, err.text);
    run_free(run);
}

/* The host refuses in the language of the user, or of the request. */
static void refusals_are_in_the_language_asked_for(void **state)
{
    struct world *w = *state;
    expect_text(w, "t.put", "缺少参数 text");
    expect_text(w, "t.put lang=en", "required");
    expect_text(w, "role.grant nobody x", "用户 nobody 不存在");
    expect_text(w, "role.grant nobody x lang=en", "there is no user nobody");
    expect_text(w, "t.whow unit=QQ", "单位 QQ 不存在");
    expect_text(w, "user.token admin x idem=a", "只显示一次机密");
    must(w, "t.put a idem=k");
    expect_text(w, "t.put b idem=k", "该幂等键已用于另一个请求");
    expect_text(w, "t.destroy x", "结束了与他人共享的事务");
    expect_text(w, "t.destroy x lang=en", "it alone was undone");
    must(w, "user.set admin language=en");
    expect_text(w, "t.put", "required");
    expect_text(w, "t.put lang=zh-CN", "缺少参数 text");
}

/* -- mailboxes -- */

static void full_mailbox_is_busy_and_loses_nothing(void **state)
{
    struct world *w = *state;
    struct lanes_options o = defaults;
    o.mailbox = 4;
    o.readers = 1;
    restart(w, o);
    submit(w, add(w, NULL, w->admin, "t.slow 200"));
    int accepted = 1;
    bool busy = false;
    for (int i = 0; i < 100 && !busy; i++) {
        struct run *run = add(w, NULL, w->admin, "t.put a");
        int rv = lanes_put(w->lanes, run);
        busy = rv == ERR_BUSY;
        accepted += rv == 0;
        if (rv)
            run_free(run);
    }
    assert_true(busy);
    assert_true(accepted >= 4 && accepted <= 8);
    for (int i = 0; i < accepted; i++) {
        struct run *run = take(w);
        expect_fine(reply_at(run, 0));
        run_free(run);
    }
    assert_int_equal(rows_with(w, "a"), accepted - 1);
}

/* Stopping finishes what was accepted. */
static void stop_drains(void **state)
{
    struct world *w = *state;
    submit(w, add(w, NULL, w->admin, "t.slow 50"));
    for (int i = 0; i < 20; i++)
        submit(w, add(w, NULL, w->admin, i % 2 ? "t.put a" : "t.count a"));
    lanes_stop(w->lanes);
    struct run *late = add(w, NULL, w->admin, "t.put late");
    assert_int_equal(lanes_put(w->lanes, late), ERR_STATE);
    run_free(late);
    int taken = 0;
    struct run *run;
    while (lanes_take(w->lanes, &run, 1) == 1) {
        expect_fine(reply_at(run, 0));
        run_free(run);
        taken++;
    }
    assert_int_equal(taken, 21);
    lanes_free(w->lanes);
    w->lanes = NULL;
    start(w, defaults);
    assert_int_equal(rows_with(w, "a"), 10);
}

/* A second writer on the same folder does not start, and leaves nothing behind. */
static void second_writer_does_not_start(void **state)
{
    struct world *w = *state;
    struct world other = *w;
    other.lanes = NULL;
    assert_int_equal(try_start(&other, defaults), ERR_BUSY);
    assert_null(other.lanes);
    assert_true(other.err.text[0] != '\0');
    must(w, "t.put a");
}

int main(void)
{
    log_set_level(LOG_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_commits_once_and_answers_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queued_runs_share_a_transaction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_command_loses_only_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_batch_loses_only_the_guilty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(guilty_cannot_hide_the_loss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_without_memory_loses_only_its_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_query_that_ends_the_snapshot_leaves_its_neighbours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_guilty_fail_each, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_run_spans_small_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_key_has_one_effect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusal_keeps_no_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_keys_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_not_kept, set_up, tear_down),
        cmocka_unit_test(every_fault_is_survived),
        cmocka_unit_test(repeated_faults_are_survived),
        cmocka_unit_test_setup_teardown(deep_pipeline_takes_turns_with_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(right_revoked_in_an_unknown_commit_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(right_revoked_during_a_sign_in_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(revoked_right_ends_in_the_same_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passwords_sign_in_on_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_needs_the_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rights_on_a_unit_do_not_reach_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_are_in_the_language_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_mailbox_is_busy_and_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_drains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(second_writer_does_not_start, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
