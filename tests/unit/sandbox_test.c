#include "plugin_fixture.h"

#include "script/jsontext.h"

/* Attacks on the host from inside a plugin. Each is stopped in time, whatever it catches, and the next command of the
 * same plugin works. */

enum { TIME_MS = 60, SOFT_BYTES = 4 * 1024 * 1024 };

static struct world world;

/* What an attack must end in: "TIMEOUT", "LIMIT", or a text contained in the reply or the error. */
static const struct attack {
    const char *name, *expect, *body;
} attacks[] = {
    {"loop", "TIMEOUT", "while true do end"},
    {"goto_loop", "TIMEOUT", "::a:: goto a"},
    {"pcall_loop", "TIMEOUT", "while true do pcall(function() while true do end end) end"},
    {"pcall_return", "TIMEOUT", "pcall(function() while true do end end) return 'survived'"},
    {"pcall_of_pcall", "TIMEOUT", "pcall(pcall, pcall, function() while true do end end) return 'survived'"},
    {"pcall_error", "TIMEOUT", "while true do pcall(error, 'x') end"},
    {"pcall_recursion", "TIMEOUT", "local function f() pcall(f) pcall(f) end f() while true do f() end"},
    {"xpcall_handler", "TIMEOUT",
     "xpcall(function() while true do end end, function() while true do end end) return 'survived'"},
    {"xpcall_handler_loop", "TIMEOUT", "xpcall(error, function() while true do end end) return 'survived'"},
    {"coroutine_loop", "TIMEOUT", "coroutine.wrap(function() while true do end end)() return 'survived'"},
    {"coroutine_resume", "TIMEOUT",
     "coroutine.resume(coroutine.create(function() while true do end end)) return 'survived'"},
    {"coroutine_new", "TIMEOUT", "while true do coroutine.resume(coroutine.create(function() end)) end"},
    {"coroutine_ping", "TIMEOUT",
     "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end"},
    {"coroutine_nested", "nested deeper", "local function f() coroutine.wrap(f)() end f()"},
    {"coroutine_in_itself", "non-suspended", "local c c = coroutine.wrap(function() c() end) c()"},
    {"close_on_exit", "TIMEOUT",
     "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end return 'survived'"},
    {"close_during_kill", "TIMEOUT",
     "pcall(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end end) return 'survived'"},
    {"close_error", "boom", "local x <close> = setmetatable({}, { __close = function() error('boom') end }) return 1"},
    {"coroutine_close", "TIMEOUT",
     "local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end)"
     " coroutine.resume(c) coroutine.close(c) return 'survived'"},
    {"close_nested", "nested deeper",
     "local function f() local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = f }) coroutine.yield() end)"
     " coroutine.resume(c) local ok, e = coroutine.close(c) if not ok then error(e, 0) end end f()"},
    {"gc_metamethod", "__gc is not available", "setmetatable({}, { __gc = function() while true do end end })"},
    {"weak", "__mode is not available", "setmetatable({}, { __mode = 'k' })"},
    {"lt_loop", "TIMEOUT", "local t = setmetatable({}, { __lt = function() while true do end end }) return t < t"},
    {"tostring_loop", "TIMEOUT",
     "return tostring(setmetatable({}, { __tostring = function() while true do end end }))"},
    {"error_tostring", "raised a table", "error(setmetatable({}, { __tostring = function() while true do end end }))"},
    {"sort_loop", "TIMEOUT",
     "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)"},
    {"gsub_loop", "TIMEOUT", "('a'):gsub('.', function() while true do end end)"},
    {"recursion", "LIMIT", "local function f() return 1 + f() end return f()"},
    {"recursion_caught", "LIMIT", "local function f() return 1 + f() end pcall(f) return 'ok'"},
    {"gsub_recursion", "LIMIT", "local function f() return (('a'):gsub('.', f)) end return f()"},
    {"index_recursion", "LIMIT",
     "local t = {} setmetatable(t, { __index = function(_, k) return t[k .. 'x'] end }) return t.a"},
    {"rep_huge", "too large", "return #('x'):rep(1 << 40)"},
    {"rep_17mb", "too large", "return #('x'):rep(17 * 1024 * 1024)"},
    {"double", "LIMIT", "local s = 'x' while true do s = s .. s end"},
    {"double_caught", "LIMIT", "pcall(function() local s = 'x' while true do s = s .. s end end) return 'survived'"},
    {"strings", "LIMIT", "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end"},
    {"table", "LIMIT", "local t = {} for i = 1, 1e9 do t[i] = i end"},
    {"table_caught", "LIMIT", "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) end"},
    {"closures", "LIMIT", "local t for i = 1, 1e9 do local u = t t = function() return u end end"},
    {"coroutines_kept", "LIMIT", "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end"},
    {"garbage", "done", "local x = ('x'):rep(1000) for i = 1, 4000 do local s = x .. i end return 'done'"},
    {"concat", "LIMIT",
     "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end for i = 1, 6 do t[i] = table.concat(t) end return #table.concat(t)"},
    {"unpack", "too many results", "return table.unpack({}, 1, 1 << 30)"},
    {"json_depth", "nested deeper", "return muster.json.decode(('['):rep(100000))"},
    {"json_cycle", "containing itself", "local t = {} t[1] = t return muster.json.encode(t)"},
    {"bytecode", "attempt to load a binary chunk", "local f, e = load('\\27Lua') return e"},
    {"load_loop", "TIMEOUT", "load('while true do end')() "},
    {"load_parens", "overflow", "local f, e = load('return ' .. ('('):rep(50000)) return e"},
    {"load_chain", "links in one chain", "local f, e = load('return a' .. ('.x'):rep(10000) .. ' + 1') return e"},
    {"env_const", "attempt to", "local f, e = load('local _ENV <const> = 11; X = 1') return { pcall(f) }"},
    {"dump", "nil", "return type(string.dump)"},
    {"random", "nil", "return type(math.random)"},
    {"string_meta", "false", "return tostring(getmetatable(''))"},
    {"globals_meta", "false", "return tostring(getmetatable(_G))"},
    {"call_meta", "false", "return tostring(getmetatable(call))"},
    {"refusal_meta", "false", "local ok, e = pcall(call.fail, call, 'STATE', 'x') return tostring(getmetatable(e))"},
    {"io", "undefined name 'io'", "return io"},
    {"debug", "undefined name 'debug'", "return debug"},
    {"package", "undefined name 'package'", "return package"},
    {"dofile", "undefined name 'dofile'", "return dofile"},
    {"collect", "only \"count\"", "collectgarbage()"},
    {"count", "true", "return tostring(collectgarbage('count') > 10)"},
    {"address_table", "table\"", "return tostring({})"},
    {"address_function", "function\"", "return tostring(print)"},
    {"null_text", "null", "return tostring(muster.null)"},
    {"null_json", "[null,{\\\"a\\\":null}]", "return muster.json.encode({ muster.null, { a = muster.null } })"},
    {"json_numbers", "[1,1.0,0.1,1e+300,-9223372036854775808]",
     "return muster.json.encode({ 1, 1.0, 0.1, 1e300, math.mininteger })"},
    {"json_nan", "no NaN", "return muster.json.encode(0/0)"},
    {"json_big", "too big", "return muster.json.decode('9223372036854775808')"},
    {"json_twice", "duplicate", "return muster.json.decode('{\"a\":1,\"a\":2}')"},
    {"resume_dead", "dead",
     "local c = coroutine.create(function() end) coroutine.resume(c) local _, e = coroutine.resume(c) return e"},
    {"resume_self", "non-suspended", "local _, e = coroutine.resume(coroutine.running()) return e"},
    {"yield_outside", "outside a coroutine", "coroutine.yield()"},
    {"yield_over_pcall", "[1,2,3]",
     "local c = coroutine.wrap(function() pcall(function() coroutine.yield(1) coroutine.yield(2) end) return 3 end) return { c(), c(), c() }"},
    {"yield_over_xpcall", "[1,\\\"h:e\\\"]",
     "local c = coroutine.wrap(function() local _, m = xpcall(function() coroutine.yield(1) error('e', 0) end, function(m) return 'h:' .. m end) return m end)"
     " return muster.json.encode({ c(), c() })"},
    {"wrap_error", "inner", "coroutine.wrap(function() error('inner') end)()"},
    {"sql_loop", "TIMEOUT",
     "return call.db:value('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n')"},
    {"sql_loop_caught", "TIMEOUT",
     "pcall(call.db.value, call.db, 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n') return 'survived'"},
    {"sql_insert_loop", "TIMEOUT",
     "call.db:run('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO demo_item (name) SELECT i FROM n')"},
    {"sql_many", "TIMEOUT", "while true do call.db:value('SELECT 1') end"},
    {"sql_attach", "SQL", "call.db:run(\"ATTACH 'x' AS y\")"},
    {"sql_commit", "SQL", "call.db:run('COMMIT')"},
    {"sql_foreign", "SQL", "return call.db:rows('SELECT * FROM muster_done')"},
    {"call_kept_in_table", "changed", "call.x = {}"},
};

/* Time enough for those that are to run into another limit. */
static int limit_of(const struct attack *a)
{
    return strcmp(a->expect, "TIMEOUT") == 0 ? TIME_MS : 10000;
}

static void write_plugin(void)
{
    struct buf init = {0};
    buf_text(&init, "local f = {}\n");
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        buf_fmt(
            &init,
            "f['demo.%s'] = { mode = 'write', args = {}, returns = 'any', timeout_ms = %d, summary = 'T.', run = function(call) %s end }\n",
            attacks[i].name, limit_of(&attacks[i]), attacks[i].body);
    buf_text(
        &init,
        "f['demo.alive'] = { mode = 'read', args = {}, returns = 'any', summary = 'T.', run = function(call)"
        " return { call.user, call.db:value('SELECT count(*) FROM demo_item') } end }\n"
        "f['demo.grow'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 2000, summary = 'T.', run = function(call) local t = {} while true do t[#t+1] = {} end end }\n"
        "return { commands = f }");
    world_plugin(&world, "demo", "", buf_cstr(&init));
    buf_close(&init);
    put_file(world.dir, "plugins/demo/migrations/001_item.sql",
             "CREATE TABLE demo_item (id INTEGER PRIMARY KEY, name TEXT) STRICT;");
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    world.limits.soft_bytes = SOFT_BYTES;
    write_plugin();
    world_start(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void check_alive(const char *after)
{
    const char *reply = world_ask(&world, "demo.alive", NULL, NULL, NULL);
    if (strcmp(reply, "[\"wang\",0]") != 0)
        fail_msg("after %s: %s", after, reply);
}

/* Each attack ends as expected within its time, leaves no row, and the next command works. */
static void every_attack_is_stopped(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        char name[80];
        snprintf(name, sizeof(name), "demo.%s", attacks[i].name);
        uint64_t from = clock_mono_ns();
        const char *reply = world_ask(&world, name, NULL, NULL, NULL);
        int ms = (int)((clock_mono_ns() - from) / 1000000);
        if (!strstr(reply, attacks[i].expect)) {
            print_error("%s: expected %s, got %.200s\n", name, attacks[i].expect, reply);
            failed++;
        }
        /* Far beyond the limit, so that a busy machine does not fail the test; a stop that does not come at all takes
         * for ever. */
        if (limit_of(&attacks[i]) == TIME_MS && ms > 1500) {
            print_error("%s: stopped only after %d ms\n", name, ms);
            failed++;
        }
        check_alive(name);
    }
    assert_int_equal(failed, 0);
}

static void said(const char *command, const char *expect)
{
    const char *got = world_ask(&world, command, NULL, NULL, NULL);
    if (strncmp(got, expect, strlen(expect)) != 0 || got[strlen(expect) + strspn(got + strlen(expect), "0123456789")])
        fail_msg("expected %s and a line, got %s", expect, got);
}

/* The messages name plugin, command, limit and line, and say what to do. */
static void stops_explain_themselves(void **state)
{
    (void)state;
    said(
        "demo.loop",
        "TIMEOUT limit.time: plugin demo, command demo.loop: stopped after its limit of 60 ms; nothing was kept; ask for less at once, or raise timeout_ms in its declaration; it was at init.lua:");
    said(
        "demo.table",
        "LIMIT limit.memory: plugin demo, command demo.table: stopped, it needs more than 4096 KiB of memory; nothing was kept; ask for less at once, and see whether it calls itself without end; it was at init.lua:");
    world_ask(&world, "demo.recursion", NULL, NULL, NULL);
    assert_true(strcmp(world.err.rule, "limit.stack") == 0 || strcmp(world.err.rule, "limit.memory") == 0);
    world.lang = "zh-CN";
    said(
        "demo.loop",
        "TIMEOUT limit.time: 插件 demo 的命令 demo.loop 超过 60 毫秒时限，已中止，未保存任何内容；请减少一次处理的数量，或在声明中调大 timeout_ms；中止于 init.lua:");
    said(
        "demo.table",
        "LIMIT limit.memory: 插件 demo 的命令 demo.table 所需内存超过 4096 KiB，已中止，未保存任何内容；请减少一次处理的数量，并检查是否无止境地调用自身；中止于 init.lua:");
}

/* Over and over: the memory of the states that were thrown away comes back (a leak shows under the address sanitizer).
 */
static void states_are_rebuilt_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(world_run(&world, "demo.grow", NULL, 0), ERR_LIMIT);
        check_alive("demo.grow");
    }
}

/* With memory enough, it is Lua's stack that ends a recursion; a plugin may catch that. */
static void deep_recursion_is_limited(void **state)
{
    (void)state;
    runtime_free(world.runtime);
    world.limits.soft_bytes = 256 * 1024 * 1024;
    assert_int_equal(runtime_new(world.registry, &world.limits, &world.runtime, &world.err), 0);
    assert_int_equal(runtime_attach(world.runtime, world.store, &world.err), 0);
    assert_string_equal(
        world_ask(&world, "demo.recursion", NULL, NULL, NULL),
        "LIMIT limit.stack: plugin demo, command demo.recursion: stopped, its calls nest too deeply; nothing was kept");
    check_alive("demo.recursion");
    assert_string_equal(world_ask(&world, "demo.recursion_caught", NULL, NULL, NULL), "\"ok\"");
    check_alive("demo.recursion_caught");
}

/* With amnesia every command finds a fresh state. */
static void amnesia_rebuilds_after_each_command(void **state)
{
    (void)state;
    runtime_free(world.runtime);
    world.limits.amnesia = true;
    assert_int_equal(runtime_new(world.registry, &world.limits, &world.runtime, &world.err), 0);
    assert_int_equal(runtime_attach(world.runtime, world.store, &world.err), 0);
    for (int i = 0; i < 10; i++)
        check_alive("amnesia");
}

int main(void)
{
    if (signals_are_late()) {
        printf("skipped: the thread sanitizer delays signals\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(every_attack_is_stopped),
        TEST(stops_explain_themselves),
        TEST(states_are_rebuilt_again_and_again),
        TEST(deep_recursion_is_limited),
        TEST(amnesia_rebuilds_after_each_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
