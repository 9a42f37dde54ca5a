/* Switching generations while requests run: every reply is of one generation as a whole, none is lost, and whatever becomes of the
 * commit, code and data go together. */
#include "flip.h"

/* -- a world of generation 1 -- */

static void flip_start(struct world *w, const char *faults)
{
    struct lanes_options o = defaults;
    o.faults = faults;
    start(w, o);
}

static int open_flip(void **state)
{
    static struct world *w;
    w = malloc(sizeof(*w));
    flip_make(0);
    flip_make(1);
    make_folder(w);
    registry_unref(w->registry);
    if (flip_registry(1, &w->registry, &w->err) != 0)
        fail_msg("%s", w->err.text);
    flip_start(w, NULL);
    must(w, "t.create");
    must(w, "t.begin");
    *state = w;
    return 0;
}

static int close_flip(void **state)
{
    flip_remove(0);
    flip_remove(1);
    return tear_down(state);
}

/* As the loop does after lanes_take. */
static void renew(struct world *w)
{
    struct registry *old = w->registry;
    w->registry = lanes_registry(w->lanes);
    registry_unref(old);
}

/* Send, wait, and know what is known now. */
static struct run *ask(struct world *w, const char *line)
{
    struct run *run = ask_as(w, w->admin, line);
    renew(w);
    return run;
}

static void done(struct world *w, const char *line)
{
    struct run *run = ask(w, line);
    expect_fine(reply_at(run, 0));
    run_free(run);
}

static void refused(struct world *w, const char *line, int code, const char *rule)
{
    struct run *run = ask(w, line);
    expect_error(reply_at(run, 0), code, rule);
    run_free(run);
}

static int64_t number(struct world *w, const char *line)
{
    struct run *run = ask(w, line);
    int64_t n = expect_int(reply_at(run, 0));
    run_free(run);
    return n;
}

static struct flip_reply state_of(struct world *w, const char *line)
{
    struct run *run = ask(w, line);
    struct flip_reply r = flip_state(reply_at(run, 0));
    run_free(run);
    return r;
}

static void expect_generation(struct world *w, int64_t n)
{
    assert_int_equal(state_of(w, "flip.read").generation, n);
    assert_int_equal(state_of(w, "flip.put a").generation, n);
    assert_int_equal(number(w, "t.audited"), n);
    assert_int_equal(registry_generation(w->registry), n);
}

static void go_to(struct world *w, int64_t n)
{
    char line[40];
    snprintf(line, sizeof(line), "t.stage %lld", (long long)n);
    done(w, line);
    snprintf(line, sizeof(line), "t.activate %lld", (long long)n);
    done(w, line);
}

/* -- one after the other -- */

static void switch_changes_every_lane_and_the_registry(void **state)
{
    struct world *w = *state;
    expect_generation(w, 1);
    go_to(w, 2);
    /* With the reply to the switch the new command is known, on whichever reader. */
    for (int i = 0; i < 4; i++)
        assert_int_equal(state_of(w, "flip.only2").generation, 2);
    expect_generation(w, 2);
    assert_null(registry_command(w->registry, SLICE("flip.only1")));
    go_to(w, 3);
    expect_generation(w, 3);
    assert_int_equal(stats(w).switches, 2);
}

/* What comes behind the switch in the same run is for the new generation. */
static void batch_ends_behind_the_switch(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    const struct lanes_stats before = stats(w);
    struct run *run = add(w, NULL, w->admin, "flip.put a");
    add(w, run, w->admin, "t.activate 2");
    add(w, run, w->admin, "flip.put b");
    add(w, run, w->admin, "flip.put c");
    submit(w, run);
    run = take(w);
    assert_int_equal(flip_state(reply_at(run, 0)).generation, 1);
    assert_int_equal(expect_int(reply_at(run, 1)), 2);
    assert_int_equal(flip_state(reply_at(run, 2)).generation, 2);
    assert_int_equal(flip_state(reply_at(run, 3)).rows, 3);
    assert_int_equal(stats(w).commits - before.commits, 2);
    run_free(run);
}

static void refused_switch_changes_nothing(void **state)
{
    struct world *w = *state;
    refused(w, "t.activate 2", ERR_STATE, "generation.gone");
    done(w, "t.stage 2");
    refused(w, "t.activate 3", ERR_STATE, "generation.gone");
    refused(w, "t.activate_refused 2", ERR_STATE, "t.refused");
    expect_generation(w, 1);
    refused(w, "t.activate_destroyed 2", ERR_POLICY, "sql.batch");
    expect_generation(w, 1);
    /* It is still offered. */
    done(w, "t.activate 2");
    expect_generation(w, 2);
    refused(w, "t.activate 2", ERR_STATE, "generation.gone");
}

static void later_offer_replaces_the_earlier(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    done(w, "t.stage 4");
    refused(w, "t.activate 2", ERR_STATE, "generation.gone");
    done(w, "t.activate 4");
    expect_generation(w, 4);
}

static void withdrawn_offer_is_gone(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    done(w, "t.stage 0");
    refused(w, "t.activate 2", ERR_STATE, "generation.gone");
    done(w, "t.stage 2");
    refused(w, "t.activate_refused 2", ERR_STATE, "t.refused");
    done(w, "t.stage 0");
    refused(w, "t.activate 2", ERR_STATE, "generation.gone");
    expect_generation(w, 1);
}

/* A caller that catches the refusal must not have switched without the migrations. */
static void plugin_cannot_switch(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    done(w, "flip.sneak 2");
    expect_generation(w, 1);
    done(w, "t.activate 2");
    expect_generation(w, 2);
}

/* The guilty one of a lost batch is another: the switch is done when its turn comes again. */
static void switch_survives_a_lost_batch(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    struct run *run = add(w, NULL, w->admin, "flip.put a");
    add(w, run, w->admin, "t.destroy guilty");
    add(w, run, w->admin, "t.activate 2");
    add(w, run, w->admin, "flip.put b");
    submit(w, run);
    run = take(w);
    assert_int_equal(flip_state(reply_at(run, 0)).generation, 1);
    expect_error(reply_at(run, 1), ERR_POLICY, "sql.batch");
    assert_int_equal(expect_int(reply_at(run, 2)), 2);
    assert_int_equal(flip_state(reply_at(run, 3)).rows, 2);
    run_free(run);
}

static void repeated_switch_is_answered_from_the_first(void **state)
{
    struct world *w = *state;
    done(w, "t.stage 2");
    done(w, "t.activate 2 idem=k");
    struct run *run = ask(w, "t.activate 2 idem=k");
    assert_true(reader_is_replayed(reply_at(run, 0)));
    run_free(run);
    assert_int_equal(stats(w).switches, 1);
    expect_generation(w, 2);
}

/* -- parsed with one generation, run by another -- */

static void parsed_request_is_looked_up_again(void **state)
{
    static const struct {
        const char *line;
        int code; /* 0: the new version answers */
        const char *rule;
    } cases[] = {
        {"flip.read", 0, ""},
        {"flip.word even=1", 0, ""},
        {"flip.word odd=1", ERR_ARG, "arg.unknown"},
        {"flip.only1", ERR_NOCOMMAND, ""},
        {"flip.turn", ERR_BUSY, "generation.changed"},
        {"flip.put x", 0, ""},
    };
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    struct world *w = *state;
    struct run *runs[CASES];
    for (int i = 0; i < CASES; i++)
        runs[i] = add(w, NULL, w->admin, cases[i].line);
    go_to(w, 2);
    for (int i = 0; i < CASES; i++) {
        submit(w, runs[i]);
        struct run *run = take(w);
        if (cases[i].code)
            expect_error(reply_at(run, 0), cases[i].code, cases[i].rule);
        else
            assert_int_equal(flip_state(reply_at(run, 0)).generation, 2);
        run_free(run);
    }
}

static void submit_number(struct world *w, const char *command, int n)
{
    char line[40];
    snprintf(line, sizeof(line), "%s %d", command, n);
    submit(w, add(w, NULL, w->admin, line));
}

/* The reader has begun with the old code and has not looked at the data when the switch is committed: `early`, when it
 * has been offered already. */
static void overtake(struct world *w, int n, bool early)
{
    int left = early ? 2 : 3;
    if (early) {
        char line[40];
        snprintf(line, sizeof(line), "t.stage %d", n);
        done(w, line);
    }
    struct run *reads = add(w, NULL, w->admin, "t.nap 45");
    add(w, reads, w->admin, "flip.read");
    add(w, reads, w->admin, "flip.read");
    submit(w, reads);
    submit_number(w, early ? "t.activate" : "t.stage", n);
    while (left-- > 0) {
        struct run *run = take(w);
        expect_fine(reply_at(run, 0));
        if (run == reads)
            assert_int_equal(flip_state(reply_at(run, 1)).generation, flip_state(reply_at(run, 2)).generation);
        else if (run->mode == MODE_SLOW)
            submit_number(w, "t.activate", n);
        run_free(run);
    }
    renew(w);
    expect_generation(w, n);
}

static void overtaken_reader_begins_again(void **state)
{
    for (int n = 2; n < 10; n++)
        overtake(*state, n, n % 4 < 2);
}

/* -- every outcome of a commit -- */

static bool is_fine(struct slice reply)
{
    struct err err;
    return code_of(reply, &err) == 0;
}

/* Stage, activate, look, whatever fails; true when the switch was answered with success. */
static bool try_switch(struct world *w, int64_t n)
{
    char line[40];
    snprintf(line, sizeof(line), "t.stage %lld", (long long)n);
    done(w, line);
    snprintf(line, sizeof(line), "t.activate %lld", (long long)n);
    struct run *run = add(w, NULL, w->admin, line);
    bool fine = false;
    if (lanes_put(w->lanes, run) == 0) {
        run = take(w);
        fine = is_fine(reply_at(run, 0));
    }
    run_free(run);
    renew(w);
    return fine;
}

static void restart_as(struct world *w, int64_t generation, const char *faults)
{
    stop(w);
    registry_unref(w->registry);
    assert_int_equal(flip_registry(generation, &w->registry, &w->err), 0);
    flip_start(w, faults);
}

/* Inject the fault at each commit from the first that may hit something up to behind the switch. */
static void with_fault(struct world *w, const char *what, bool kept)
{
    int64_t at = 1;
    for (int nth = 1; nth <= 12; nth++) {
        char faults[80];
        snprintf(faults, sizeof(faults), "%s@%d", what, nth);
        restart_as(w, at, faults);
        bool switched = try_switch(w, at + 1);
        assert_true(switched || !kept);
        at += switched;
        struct flip_reply now = state_of(w, "flip.read");
        assert_int_equal(now.generation, at);
        assert_int_equal(registry_generation(w->registry), at);
        if (kept) {
            /* The next write may meet the fault instead: it is repeated, not refused. */
            assert_int_equal(state_of(w, "flip.put x").generation, at);
            assert_int_equal(state_of(w, "flip.read").rows, now.rows + 1);
        }
    }
}

static void switch_is_repeated_after_retry(void **state)
{
    with_fault(*state, "commit-retry", true);
}

static void switch_is_found_after_an_unknown_commit(void **state)
{
    with_fault(*state, "commit-unknown", true);
}

static void switch_is_repeated_after_a_commit_that_was_lost(void **state)
{
    with_fault(*state, "commit-lost", true);
}

static void switch_is_undone_when_the_commit_fails(void **state)
{
    with_fault(*state, "commit-io", false);
}

static void fenced_server_does_not_switch(void **state)
{
    with_fault(*state, "commit-fenced", false);
}

/* Nobody knows which code fits: nothing is run at all, and a new start finds out. */
static void switch_with_unknown_outcome_stops_everything(void **state)
{
    struct world *w = *state;
    int hits = 0;
    for (int nth = 1; nth <= 8; nth++) {
        char faults[80];
        struct err err = {0};
        snprintf(faults, sizeof(faults), "commit-unknown@%d,begin-fenced@%d", nth, nth + 1);
        restart_as(w, 1, faults);
        done(w, "t.stage 2");
        struct run *run = ask(w, "t.activate 2");
        code_of(reply_at(run, 0), &err);
        run_free(run);
        if (strcmp(err.rule, "store.unknown") == 0) {
            hits++;
            refused(w, "flip.read", ERR_BUSY, "generation.changing");
            refused(w, "t.stage 3", ERR_BUSY, "generation.changing");
            assert_true(lanes_fenced(w->lanes));
        }
        assert_true(hits > 0 || err.code == 0);
        /* It was kept in fact: with the code that fits everything goes on. */
        restart_as(w, 2, NULL);
        expect_generation(w, 2);
        go_to(w, 1);
    }
    assert_true(hits > 0);
}

/* -- under load -- */

/* One connection: one run away at a time, and generations that only grow. */
struct client {
    int64_t seen, puts;
    int number;
};

enum { CLIENTS = 12, PIPELINE = 5 };

struct load {
    struct world *w;
    struct client clients[CLIENTS];
    unsigned random;
    int64_t accepted, replies, other;
    int64_t staged, active, last; /* generations */
    bool stopping;
};

static unsigned random_below(struct load *l, unsigned n)
{
    l->random = l->random * 1103515245 + 12345;
    return (l->random >> 16) % n;
}

static void send_requests(struct load *l, struct client *c)
{
    static const char *const reads[] = {"flip.read", "flip.read", "flip.only1", "flip.word odd=1"};
    const bool write = random_below(l, 3) == 0;
    const int count = 1 + (int)random_below(l, PIPELINE);
    struct run *run = NULL;
    for (int i = 0; i < count; i++) {
        const char *line = write ? "flip.put x" : reads[random_below(l, 4)];
        const bool there = strcmp(line, "flip.only1") != 0 || registry_command(l->w->registry, SLICE("flip.only1"));
        run = add(l->w, run, l->w->admin, there ? line : "flip.read");
    }
    run->owner = c;
    submit(l->w, run);
}

static void check_reply(struct load *l, struct client *c, const struct run *run, struct slice reply)
{
    struct err err;
    const int code = code_of(reply, &err);
    l->replies++;
    if (code) {
        /* Only what the other version does not have. */
        if (code != ERR_NOCOMMAND && strcmp(err.rule, "arg.unknown") != 0)
            fail_msg("refused: %.*s", (int)reply.len, reply.data);
        l->other++;
        return;
    }
    struct flip_reply r = flip_state(reply);
    if (r.generation < c->seen || r.generation > l->staged)
        fail_msg("client %d goes from generation %lld to %lld", c->number, (long long)c->seen, (long long)r.generation);
    c->seen = r.generation;
    l->accepted += run->mode == MODE_WRITE;
}

/* The one that switches: stage, activate, stage … */
static void send_switch(struct load *l)
{
    char line[40];
    if (l->staged == l->active) {
        if (l->active == l->last) {
            l->stopping = true;
            return;
        }
        l->staged++;
        snprintf(line, sizeof(line), "t.stage %lld", (long long)l->staged);
    } else {
        snprintf(line, sizeof(line), "t.activate %lld", (long long)l->staged);
    }
    struct run *run = add(l->w, NULL, l->w->admin, line);
    run->owner = NULL;
    submit(l->w, run);
}

static void after_switch(struct load *l, const struct run *run)
{
    expect_fine(reply_at(run, 0));
    if (run->mode == MODE_WRITE) {
        l->active = l->staged;
        assert_int_equal(registry_generation(l->w->registry), l->active);
    }
    send_switch(l);
}

static void load(struct world *w, int64_t switches)
{
    struct load l = {.w = w, .random = 7, .staged = 1, .active = 1, .last = 1 + switches};
    int away = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        l.clients[i].number = i;
        send_requests(&l, &l.clients[i]);
    }
    send_switch(&l);
    while (away > 0 || !l.stopping) {
        struct run *run = take(w);
        struct client *c = run->owner;
        renew(w);
        for (int i = 0; c && i < run->nrequests; i++)
            check_reply(&l, c, run, reply_at(run, i));
        if (!c)
            after_switch(&l, run);
        else if (l.stopping)
            away--;
        else
            send_requests(&l, c);
        run_free(run);
    }
    const struct flip_reply end = state_of(w, "flip.read");
    assert_int_equal(end.generation, l.last);
    assert_int_equal(end.rows, l.accepted);
    assert_int_equal(stats(w).switches, switches);
    assert_true(l.replies > l.other);
    audit_rows(w);
}

static void replies_under_load_are_of_one_generation(void **state)
{
    load(*state, 40);
}

/* Every twentieth commit meets a fault; what is repeated is repeated whole. */
static void faults_under_load_lose_nothing(void **state)
{
    static const char *const whats[] = {"commit-retry", "commit-unknown", "commit-lost"};
    struct world *w = *state;
    char faults[64 * 24] = "";
    for (int i = 0; i < 60; i++)
        snprintf(faults + strlen(faults), sizeof(faults) - strlen(faults), "%s%s@%d", i ? "," : "", whats[i % 3],
                 4 + 5 * i);
    stop(w);
    flip_start(w, faults);
    load(w, 40);
}

/* -- the slow lane -- */

static void slow_command_holds_nobody_up(void **state)
{
    struct world *w = *state;
    submit(w, add(w, NULL, w->admin, "t.slumber 60000"));
    assert_int_equal(state_of(w, "flip.put a").rows, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(state_of(w, "flip.read").rows, 1);
    lanes_hurry(w->lanes);
    struct run *run = take(w);
    expect_error(reply_at(run, 0), ERR_BUSY, "t.stopped");
    run_free(run);
    refused(w, "t.slumber 60000", ERR_BUSY, "busy.stopping");
}

static void slow_command_ends_when_the_lanes_stop(void **state)
{
    struct world *w = *state;
    submit(w, add(w, NULL, w->admin, "t.slumber 60000"));
    submit(w, add(w, NULL, w->admin, "t.slumber 60000"));
    lanes_stop(w->lanes);
    for (int i = 0; i < 2; i++) {
        struct run *run = take(w);
        struct err err;
        assert_int_equal(code_of(reply_at(run, 0), &err), ERR_BUSY);
        run_free(run);
    }
}

static void slow_command_needs_the_right_to_it(void **state)
{
    struct world *w = *state;
    done(w, "user.add name=bob methods=password");
    done(w, "user.password bob correct-horse-battery");
    done(w, "role.define name=reader grants=[\"read:*\"]");
    done(w, "role.grant user=bob role=reader");
    struct identity *bob = sign_in(w, "bob", "correct-horse-battery");
    assert_non_null(bob);
    struct run *run = ask_as(w, bob, "t.slumber 1");
    expect_error(reply_at(run, 0), ERR_NOPERM, "access.permission");
    run_free(run);
    run = ask_as(w, bob, "flip.read");
    expect_fine(reply_at(run, 0));
    run_free(run);
    identity_unref(bob);
}

static void expect_text(struct world *w, const char *line, const char *text)
{
    struct run *run = ask(w, line);
    struct reader r = {reply_at(run, 0)};
    struct node node;
    assert_int_equal(reader_next(&r, &node), 1);
    if (node.type != NODE_TEXT || node.s.len != strlen(text) || memcmp(node.s.data, text, node.s.len) != 0)
        fail_msg("%s: %.*s", line, (int)run->out.len, run->out.data);
    run_free(run);
}

static void host_asks_other_lanes(void **state)
{
    struct world *w = *state;
    expect_text(w, "t.ask flip.put a", "*3\r\n:1\r\n:1\r\n:1\r\n");
    expect_text(w, "t.ask flip.read", "*3\r\n:1\r\n:1\r\n:1\r\n");
    refused(w, "t.ask t.refuse a", ERR_STATE, "t.refused");
    refused(w, "t.ask t.slumber 1", ERR_NOTFOUND, "call.unknown");
    done(w, "t.stage 2");
    expect_text(w, "t.ask t.activate 2", ":2\r\n");
    expect_generation(w, 2);
    expect_text(w, "t.ask flip.read", "*3\r\n:2\r\n:2\r\n:2\r\n");
    /* No user of that name can be the host. */
    refused(w, "user.add name=muster", ERR_ARG, "user.name");
}

/* However the two meet: no lane waits for ever. */
static void asking_while_the_lanes_stop_ends(void **state)
{
    struct world *w = *state;
    for (int round = 0; round < 20; round++) {
        int n = 0;
        for (; n < 8; n++)
            submit(w, add(w, NULL, w->admin, n % 2 ? "t.ask t.slow 1" : "t.ask flip.put x"));
        const struct timespec ts = {.tv_nsec = round * 100000};
        nanosleep(&ts, NULL);
        lanes_stop(w->lanes);
        while (n-- > 0) {
            struct run *run = take(w);
            struct err err;
            int code = code_of(reply_at(run, 0), &err);
            assert_true(code == 0 || code == ERR_BUSY);
            run_free(run);
        }
        restart(w, defaults);
    }
}

static atomic_int ticks;

static void count_tick(struct lanes *l, struct calls *c, void *arg)
{
    const struct slice words[] = {SLICE("flip.put"), SLICE("tick")};
    struct buf reply = {0};
    assert_ptr_equal(c->lanes, l);
    assert_string_equal(arg, "mine");
    if (lanes_ask(l, words, 2, &reply, NULL) == 0)
        atomic_fetch_add(&ticks, 1);
    buf_close(&reply);
}

static void tick_comes_when_nothing_waits(void **state)
{
    struct world *w = *state;
    struct lanes_options o = defaults;
    o.tick = count_tick;
    o.tick_arg = (void *)"mine";
    atomic_store(&ticks, 0);
    restart(w, o);
    for (int i = 0; i < 100 && atomic_load(&ticks) == 0; i++) {
        const struct timespec ts = {.tv_nsec = 100000000};
        nanosleep(&ts, NULL);
    }
    assert_true(atomic_load(&ticks) > 0);
    assert_true(state_of(w, "flip.read").rows > 0);
}

#define FLIP_TEST(name) cmocka_unit_test_setup_teardown(name, open_flip, close_flip)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLIP_TEST(switch_changes_every_lane_and_the_registry),
        FLIP_TEST(batch_ends_behind_the_switch),
        FLIP_TEST(refused_switch_changes_nothing),
        FLIP_TEST(later_offer_replaces_the_earlier),
        FLIP_TEST(withdrawn_offer_is_gone),
        FLIP_TEST(plugin_cannot_switch),
        FLIP_TEST(switch_survives_a_lost_batch),
        FLIP_TEST(repeated_switch_is_answered_from_the_first),
        FLIP_TEST(parsed_request_is_looked_up_again),
        FLIP_TEST(overtaken_reader_begins_again),
        FLIP_TEST(switch_is_repeated_after_retry),
        FLIP_TEST(switch_is_found_after_an_unknown_commit),
        FLIP_TEST(switch_is_repeated_after_a_commit_that_was_lost),
        FLIP_TEST(switch_is_undone_when_the_commit_fails),
        FLIP_TEST(fenced_server_does_not_switch),
        FLIP_TEST(switch_with_unknown_outcome_stops_everything),
        FLIP_TEST(replies_under_load_are_of_one_generation),
        FLIP_TEST(faults_under_load_lose_nothing),
        FLIP_TEST(slow_command_holds_nobody_up),
        FLIP_TEST(slow_command_ends_when_the_lanes_stop),
        FLIP_TEST(slow_command_needs_the_right_to_it),
        FLIP_TEST(host_asks_other_lanes),
        FLIP_TEST(asking_while_the_lanes_stop_ends),
        FLIP_TEST(tick_comes_when_nothing_waits),
    };
    log_set_level(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
