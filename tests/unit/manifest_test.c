#include "plugin_fixture.h"

/* What manifest.lua may say, and how it is refused when it says something else. */

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static const struct plugin *plugin(const char *name)
{
    return registry_plugin(world.registry, slice_of(name));
}

static void load(void)
{
    registry_unref(world.registry);
    world.registry = NULL;
    if (world_load(&world, NULL) != 0)
        fail_msg("%s", world.err.text);
}

#define HEALTH(args)                                                                                                   \
    "return { commands = { ['demo.health'] = { mode = 'read', args = {" args                                           \
    "}, returns = 'any', summary = 'H.', run = function() return { ok = true } end } } }"

/* Everything a manifest can say is found again. */
static void a_full_manifest_is_taken_over(void **state)
{
    (void)state;
    world_plugin(&world, "org", "", "return {}");
    world_plugin(&world, "cal", "", "return {}");
    world_plugin(&world, "demo",
                 "requires = { org = '>=1.0 <2', cal = '' }, units = true, isolate = 'process', health = 'demo.health',"
                 " asks = { commands = { 'org.*', 'cal.day.next', 'org.unit.*' }, effects = { 'mail.send' },"
                 " secrets = { 'smtp_key' }, memory_mib = 64, time_ms = 1000 }, description = 'Long.'",
                 HEALTH("'n:int?', 'm:int=1'"));
    load();
    const struct plugin *p = plugin("demo");
    assert_string_equal(p->requires[0], "cal");
    assert_string_equal(p->requires_ranges[0], "*");
    assert_string_equal(p->requires[1], "org");
    assert_string_equal(p->requires_ranges[1], ">=1.0 <2");
    assert_null(p->requires[2]);
    assert_null(p->requires_ranges[2]);
    assert_string_equal(p->asks.commands[1], "cal.day.next");
    assert_string_equal(p->asks.effects[0], "mail.send");
    assert_string_equal(p->asks.secrets[0], "smtp_key");
    assert_null(p->asks.secrets[1]);
    assert_true(p->asks.memory_mib == 64 && p->asks.time_ms == 1000);
    assert_true(p->units && !p->native && p->isolation == ISOLATION_PROCESS);
    assert_string_equal(p->health, "demo.health");
    assert_int_equal(registry_command(world.registry, SLICE("demo.health"))->timeout_ms, 1000);
}

/* A short one asks for nothing: lists are empty, never NULL. */
static void a_short_manifest_asks_for_nothing(void **state)
{
    (void)state;
    world_plugin(&world, "demo", "requires = { 'org' }", "return {}");
    world_plugin(&world, "org", "requires = {}", "return {}");
    load();
    const struct plugin *p = plugin("demo"), *org = plugin("org");
    assert_string_equal(p->requires[0], "org");
    assert_string_equal(p->requires_ranges[0], "*");
    assert_true(org->requires && !org->requires[0] && org->requires_ranges && !org->requires_ranges[0]);
    assert_true(p->asks.commands && !p->asks.commands[0] && !p->asks.effects[0] && !p->asks.secrets[0]);
    assert_true(p->asks.memory_mib == 0 && p->asks.time_ms == 0 && !p->health);
    assert_int_equal(p->isolation, ISOLATION_NONE);
}

/* asks.time_ms bounds every command: shorter where none was said, refused where more was. */
static void time_asked_for_bounds_every_command(void **state)
{
    (void)state;
    static const char *const cmd = "return { commands = { ['demo.x'] = { mode = 'read', args = {}, returns = 'nil', %s"
                                   " summary = 'X.', run = function() end } } }";
    char text[300];
    snprintf(text, sizeof(text), cmd, "timeout_ms = 100,");
    world_plugin(&world, "demo", "asks = { time_ms = 300 }", text);
    load();
    assert_int_equal(registry_command(world.registry, SLICE("demo.x"))->timeout_ms, 100);
    snprintf(text, sizeof(text), cmd, "");
    world_plugin(&world, "demo", "asks = { time_ms = 300 }", text);
    load();
    assert_int_equal(registry_command(world.registry, SLICE("demo.x"))->timeout_ms, 300);
    snprintf(text, sizeof(text), cmd, "timeout_ms = 301,");
    world_plugin(&world, "demo", "asks = { time_ms = 300 }", text);
    struct registry *none = NULL;
    registry_unref(world.registry);
    world.registry = none;
    assert_int_equal(world_load(&world, NULL), ERR_ARG);
    assert_non_null(strstr(world.err.text, "timeout_ms = 301 is more than the manifest asks for (asks.time_ms = 300)"));
}

/* Each mistake is answered with the file, the key and what is right. */
static void wrong_fields_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *more, *expect;
    } rows[] = {
        {"version = '1.0'", "version \"1.0\": write MAJOR.MINOR.PATCH"},
        {"requires = 'org'", "requires must be a list of plugins, or a map of them to version ranges"},
        {"requires = { 'org', cal = '*' }", "is either a list of plugins or a map"},
        {"requires = { 'Org' }", "\"Org\" is no plugin's name"},
        {"requires = { 5 }", "requires must be a list of texts"},
        {"requires = { 'org', 'org' }", "org is named twice"},
        {"requires = { 'demo' }", "does not require itself"},
        {"requires = { muster = '*' }", "\"muster\" is no plugin's name"},
        {"requires = { org = '^1.2' }", "requires: org: version range \"^1.2\": write comparisons"},
        {"requires = { org = 1 }", "org must be a text"},
        {"units = 1", "units must be true or false"},
        {"native = 'yes'", "native must be true or false"},
        {"isolate = 'thread'", "isolate must be \"process\" or \"none\""},
        {"isolate = true", "isolate must be a text"},
        {"health = 'org.health'", "health: \"org.health\" must be a command of this plugin"},
        {"health = 'demo.nothing'", "health: demo.nothing must be one of its commands, of mode \"read\""},
        {"health = 'demo.write'", "health: demo.write must be one of its commands, of mode \"read\""},
        {"health = 'demo.health'", "demo.health must do without arguments, but `n` is required"},
        {"asks = 5", "asks must be a table"},
        {"asks = { 'org.*' }", "asks: there is no `1` here"},
        {"asks = { command = {} }", "asks: there is no `command` here"},
        {"asks = { commands = 'org.*' }", "commands must be a list of texts"},
        {"requires = { 'org' }, asks = { commands = { '*' } }", "asks.commands: \"*\": write a command"},
        {"requires = { 'org' }, asks = { commands = { 'org' } }", "asks.commands: \"org\": write a command"},
        {"requires = { 'org' }, asks = { commands = { 'org.*.x' } }", "asks.commands: \"org.*.x\": write"},
        {"requires = { 'org' }, asks = { commands = { 'org.a.b.*' } }", "asks.commands: \"org.a.b.*\": write"},
        {"requires = { 'org' }, asks = { commands = { 'org.*', 'org.*' } }", "\"org.*\" is named twice"},
        {"asks = { commands = { 'org.*' } }", "asks.commands: \"org.*\": org is not in requires"},
        {"asks = { effects = { 'rm -rf' } }", "asks.effects: \"rm -rf\" is no name"},
        {"asks = { secrets = { '' } }", "asks.secrets: \"\" is no name"},
        {"asks = { memory_mib = 0 }", "asks.memory_mib must be an integer from 1 to 1024"},
        {"asks = { memory_mib = 1.5 }", "asks.memory_mib must be an integer"},
        {"asks = { time_ms = 60001 }", "asks.time_ms must be an integer from 1 to 60000"},
        {"description = 5", "description must be a text"},
    };
    world_plugin(&world, "org", "", "return {}");
    world_plugin(&world, "cal", "", "return {}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_plugin(
            &world, "demo", rows[i].more,
            "local function c(m, a) return { mode = m, args = a, returns = 'nil', summary = 'S.', run = function() end } end\n"
            "return { commands = { ['demo.write'] = c('write', {}), ['demo.health'] = c('read', { 'n:int' }) } }");
        world.err = (struct err){0};
        if (world_load(&world, NULL) == 0)
            fail_msg("accepted %s", rows[i].more);
        if (!strstr(world.err.text, rows[i].expect) || !strstr(world.err.text, "plugin demo, manifest.lua: "))
            fail_msg("%s\nexpected %s\ngot %s", rows[i].more, rows[i].expect, world.err.text);
    }
}

/* A migration may bring its way back; a way back from nothing is a mistake. Both are part of the hash. */
static void a_migration_brings_its_way_back(void **state)
{
    (void)state;
    unsigned char before[32];
    const struct migration *m;
    world_plugin(&world, "demo", "", "return {}");
    put_file(world.dir, "plugins/demo/migrations/001_a.sql", "CREATE TABLE demo_a (id INTEGER) STRICT;");
    put_file(world.dir, "plugins/demo/migrations/002_b.sql", "CREATE TABLE demo_b (id INTEGER) STRICT;");
    load();
    memcpy(before, plugin("demo")->hash, 32);
    put_file(world.dir, "plugins/demo/migrations/001_a.down.sql", "DROP TABLE demo_a;");
    load();
    assert_int_equal(registry_migrations(world.registry, "demo", &m), 2);
    assert_true(slice_is(m[0].down, "DROP TABLE demo_a;"));
    assert_int_equal(m[1].down.len, 0);
    assert_string_equal(m[1].name, "002_b");
    assert_memory_not_equal(before, plugin("demo")->hash, 32);
    put_file(world.dir, "plugins/demo/migrations/003_c.down.sql", "DROP TABLE demo_c;");
    registry_unref(world.registry);
    world.registry = NULL;
    assert_int_equal(world_load(&world, NULL), ERR_ARG);
    assert_non_null(strstr(world.err.text, "003_c.down.sql: there is no migration 003_c.sql that it could undo"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(a_full_manifest_is_taken_over),       TEST(a_short_manifest_asks_for_nothing),
        TEST(time_asked_for_bounds_every_command), TEST(wrong_fields_are_refused),
        TEST(a_migration_brings_its_way_back),
    };
    return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
