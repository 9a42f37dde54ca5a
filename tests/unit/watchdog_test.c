#include "plugin_fixture.h"

#include "base/thread.h"
#include "script/sandbox.h"

#include <stdatomic.h>
#include <sys/wait.h>

/* Deadlines across lanes: two at once, a stop never hits the next command, a script that can't be stopped ends the
 * process. */

static struct world world;

static const char plugin[] =
    "local function each(f) local c = {} for k, v in pairs(f) do c['demo.' .. k] = { mode = 'read', args = { 'n:int=0' }, returns = 'any', timeout_ms = 20, summary = 'T.', run = v } end return c end\n"
    "return { commands = each {\n"
    " loop = function() local s = 0 while true do s = s .. '' s = 0 end end,\n" /* allocates: a sanitizer delivers
                                                                                   signals only then */
    " short = function(call, n) local s = 0 for i = 1, n do s = s + i end return s end,\n"
    /* Keys that all fall into one chain: the insertion that makes the table grow goes on for many seconds, inside the
     * interpreter. */
    " stuck = function() local t, m = {}, (1 << 18) - 1 for i = 1, 131074 do t[i * m] = 1 end end,\n"
    "} }";

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    world_plugin(&world, "demo", "", plugin);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

struct lane {
    pthread_t thread;
    struct registry *registry;
    int rounds, timeouts, wrong;
};

static int run_one(struct runtime *rt, const struct registry *r, const char *name, int64_t n, int timeout_ms,
                   struct err *err)
{
    const struct value args[] = {value_int(n)};
    struct buf out = {0};
    struct call call = {.ops = &host_ops, .now_ms = 1, .user = "u", .lang = "en", .scope = "/"};
    int rv = runtime_run(rt, registry_command(r, slice_of(name)), &call, args, timeout_ms, &out, err);
    buf_close(&out);
    return rv;
}

/* A lane that mixes commands which are stopped with commands which are not. */
static void *run_lane(void *arg)
{
    struct lane *lane = arg;
    struct runtime *rt = NULL;
    struct err err = {0};
    if (runtime_new(lane->registry, NULL, &rt, &err) != 0 || runtime_attach(rt, NULL, &err) != 0) {
        lane->wrong++;
        return NULL;
    }
    for (int i = 0; i < lane->rounds; i++) {
        int rv = run_one(rt, lane->registry, "demo.loop", 0, 1 + i % 7, &err);
        lane->timeouts += rv == ERR_TIMEOUT;
        for (int k = 0; k < 50; k++)
            if (run_one(rt, lane->registry, "demo.short", 100, 10000, &err) != 0)
                lane->wrong++;
    }
    runtime_free(rt);
    return NULL;
}

/* Every loop is stopped, and no command after it is hit by a late signal. */
static void lanes_are_stopped_apart(void **state)
{
    (void)state;
    enum { LANES = 2, ROUNDS = 40 };
    struct lane lanes[LANES];
    if (world_load(&world, NULL) != 0)
        fail_msg("%s", world.err.text);
    assert_int_equal(watchdog_start(&world.err), 0);
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (struct lane){.registry = world.registry, .rounds = ROUNDS};
        assert_int_equal(thread_start(&lanes[i].thread, "lane", run_lane, &lanes[i]), 0);
    }
    for (int i = 0; i < LANES; i++) {
        pthread_join(lanes[i].thread, NULL);
        assert_int_equal(lanes[i].wrong, 0);
        assert_int_equal(lanes[i].timeouts, ROUNDS);
    }
    watchdog_stop();
}

/* Commands that end close to their deadline are either done or stopped, and the next one is not hit. */
static void a_stop_around_the_return_hits_nothing_else(void **state)
{
    (void)state;
    world_start(&world, NULL);
    struct err err = {0};
    const char *more = getenv("KILL_ROUNDS"); /* of a soak */
    const int rounds = more ? atoi(more) : 300;
    int stopped = 0, done = 0;
    for (int i = 0; i < rounds; i++) {
        int rv =
            run_one(world.runtime, world.registry, "demo.short", 20000 + (int)((long long)i * 7919 % 400000), 2, &err);
        stopped += rv == ERR_TIMEOUT;
        done += rv == 0;
        assert_int_equal(run_one(world.runtime, world.registry, "demo.short", 10, 10000, &err), 0);
    }
    assert_int_equal(stopped + done, rounds);
    assert_true(done > 0);
}

/* The watchdog sleeps when nothing runs, and is awake again when something does. */
static void the_watchdog_wakes_up(void **state)
{
    (void)state;
    world_start(&world, NULL);
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        usleep(150 * 1000);
        assert_int_equal(run_one(world.runtime, world.registry, "demo.loop", 0, 5, &err), ERR_TIMEOUT);
        assert_string_equal(err.rule, "limit.time");
    }
}

/* -- a machine with too much to do -- */

struct sleeper {
    int ms;        /* to sleep, which is how a thread without a CPU looks */
    bool spinning; /* instead of sleeping */
};

/* [-0, +0, v] */
static int sleep_in_lua(lua_State *L)
{
    const struct sleeper *s = lua_touserdata(L, 1);
    uint64_t end = clock_mono_ns() + (uint64_t)s->ms * 1000000;
    while (clock_mono_ns() < end) {
        if (!s->spinning)
            usleep(5000);
        sandbox_poll(L);
    }
    return 0;
}

/* Sleep inside a state under a limit; how often it was extended. */
static int run_asleep(int limit_ms, struct sleeper s, int *rv)
{
    static const struct sandbox_options options = {.plugin = "demo"};
    struct sandbox *sb = sandbox_new(&options);
    struct watch *w = watch_enter(NULL, 20000);
    struct frame frame = {.deadline_ns = clock_mono_ns() + (uint64_t)limit_ms * 1000000,
                          .limit_ms = limit_ms,
                          .plugin = "demo",
                          .command = "demo.sleep"};
    struct err err = {0};
    assert_int_equal(watchdog_start(&err), 0);
    *rv = sandbox_run(sb, w, &frame, sleep_in_lua, &s, &err);
    watchdog_stop();
    watch_leave(w);
    sandbox_free(sb);
    return frame.extended;
}

/* A script that got hardly any CPU gets its limit once more, and not twice. */
static void a_starved_script_gets_its_time_once_more(void **state)
{
    (void)state;
    int rv;
    assert_true(run_asleep(1000, (struct sleeper){.ms = 1300}, &rv));
    assert_int_equal(rv, 0);
    assert_true(run_asleep(200, (struct sleeper){.ms = 20000}, &rv));
    assert_int_equal(rv, ERR_TIMEOUT);
    run_asleep(200, (struct sleeper){.ms = 20000, .spinning = true}, &rv);
    assert_int_equal(rv, ERR_TIMEOUT);
}

/* The caller's time is the end of it: an inner frame is not extended beyond an outer one that still has time. */
static void an_extension_ends_with_the_callers_time(void **state)
{
    (void)state;
    static const struct sandbox_options options = {.plugin = "demo"};
    struct sandbox *sb = sandbox_new(&options);
    struct watch *w = watch_enter(NULL, 20000);
    struct frame outer = {.deadline_ns = clock_mono_ns() + (uint64_t)400 * 1000000, .limit_ms = 400, .plugin = "demo"};
    struct frame inner = {.deadline_ns = clock_mono_ns() + (uint64_t)200 * 1000000, .limit_ms = 5000, .plugin = "demo"};
    struct sleeper s = {.ms = 20000};
    struct err err = {0};
    assert_int_equal(watchdog_start(&err), 0);
    frame_enter(w, &outer);
    assert_int_equal(sandbox_run(sb, w, &inner, sleep_in_lua, &s, &err), ERR_TIMEOUT);
    assert_true(inner.extended);
    assert_true(inner.deadline_ns <= outer.deadline_ns);
    frame_leave(w, &outer);
    watchdog_stop();
    watch_leave(w);
    sandbox_free(sb);
}

/* An instruction that goes on for ever: the process ends itself, so that it can be started anew. */
static void what_cannot_be_stopped_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err err = {0};
        struct runtime *rt = NULL;
        struct runtime_limits limits = {.grace_ms = 50};
        alarm(20);
        if (world_load(&world, NULL) == 0 && watchdog_start(&err) == 0 &&
            runtime_new(world.registry, &limits, &rt, &err) == 0 && runtime_attach(rt, NULL, &err) == 0)
            run_one(rt, world.registry, "demo.stuck", 0, 1000, &err);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_stopped_ends_the_process), /* first: it forks, so no thread may run yet */
        TEST(lanes_are_stopped_apart),
        TEST(a_stop_around_the_return_hits_nothing_else),
        TEST(the_watchdog_wakes_up),
        TEST(a_starved_script_gets_its_time_once_more),
        TEST(an_extension_ends_with_the_callers_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
