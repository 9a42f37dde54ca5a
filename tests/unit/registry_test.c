#include "plugin_fixture.h"

/* A generation is loaded whole or not at all; errors name plugin, file and reason. */

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

static const char good[] =
    "local function cmd(mode) return { mode = mode, args = { 'n:int(1..5)=2', 'who!:text?' }, returns = '{a:int}', timeout_ms = 77, doc = 'Long.',\n"
    "  summary = { en = 'Do it.', ['zh-CN'] = '做' }, run = function() end } end\n"
    "return { commands = { ['demo.b'] = cmd('write'), ['demo.a.x'] = cmd('read') },\n"
    " figures = { ['demo.net'] = { unit = 'fen', args = { 'fund:text' }, summary = 'Net.', compute = function() end } },\n"
    " settings = { large = { type = 'fen(1..)', default = 5, summary = 'L.' }, on = { type = 'bool', default = true, summary = 'O.' } },\n"
    " roles = { ['demo.clerk'] = { grants = { 'demo.*', 'read:org.*', 'backdate', '*', 'demo.b', 'read:*' }, summary = 'C.' } },\n"
    " machines = {} }";

static int native(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)call, (void)args, (void)err;
    reply_null(reply);
    return 0;
}

static const struct native_command host_list[] = {
    {"user.add", MODE_WRITE, "name:text(60) password!:text?", "{name:text}", "Add a user.", "添加用户", native},
    {"limits", MODE_READ, "", "any", "Limits.", "限额", native},
    {0},
};
static const struct native_command *const host[] = {host_list, NULL};

/* Everything that was declared can be found, by name and in sorted lists. */
static void declarations_are_found(void **state)
{
    (void)state;
    world_plugin(&world, "demo", "requires = { 'org' }, units = true", good);
    world_plugin(&world, "org", "", "return {}");
    put_file(world.dir, "plugins/demo/locale/zh-CN.lua", "return { ['no %s'] = '没有 %s' }");
    put_file(world.dir, "plugins/demo/migrations/001_a.sql", "CREATE TABLE demo_a (id INTEGER) STRICT;");
    put_file(world.dir, "plugins/demo/migrations/002_b.sql", "CREATE TABLE demo_b (id INTEGER) STRICT;");
    put_file(world.dir, "plugins/demo/part.lua", "return 1");
    put_file(world.dir, "lib/money.lua", "return 2");
    put_file(world.dir, "lib/locale/zh-CN.lua", "return { ['lib %d'] = '库 %d' }");
    if (world_load(&world, host) != 0)
        fail_msg("%s", world.err.text);
    const struct registry *r = world.registry;
    const struct command *const *list, *c = registry_command(r, SLICE("demo.b"));
    assert_int_equal(registry_commands(r, &list), 4);
    assert_string_equal(list[0]->name, "demo.a.x");
    assert_string_equal(list[2]->name, "limits");
    assert_true(c->mode == MODE_WRITE && c->nargs == 2 && c->timeout_ms == 77 && !c->native);
    assert_true(c->args[1].secret && c->args[0].optional && strcmp(c->args[0].default_text, "2") == 0);
    assert_string_equal(c->summary_zh, "做");
    assert_string_equal(c->doc, "Long.");
    assert_string_equal(c->returns_text, "{a:int}");
    c = registry_command(r, SLICE("user.add"));
    assert_true(c->native == native && strcmp(c->plugin, "muster") == 0 && c->nargs == 2);
    assert_null(registry_command(r, SLICE("demo.c")));
    assert_null(registry_command(r, SLICE("")));
    assert_null(registry_command(r, SLICE("demo.b2")));
    const struct figure *f = registry_figure(r, SLICE("demo.net"));
    assert_true(f && f->nargs == 1 && strcmp(f->unit, "fen") == 0 && strcmp(f->summary_en, "Net.") == 0 &&
                !f->summary_zh);
    const struct setting *s = registry_setting(r, SLICE("demo"), SLICE("large"));
    assert_true(s && s->type.type == ARG_FEN && s->type.min == 1 && strcmp(s->type.default_text, "5") == 0);
    assert_string_equal(registry_setting(r, SLICE("demo"), SLICE("on"))->type.default_text, "true");
    assert_null(registry_setting(r, SLICE("org"), SLICE("on")));
    const struct role_suggestion *const *roles;
    assert_int_equal(registry_roles(r, &roles), 1);
    assert_string_equal(roles[0]->grants[1], "read:org.*");
    assert_null(roles[0]->grants[6]);
    const struct plugin *const *plugins;
    assert_int_equal(registry_plugins(r, &plugins), 2);
    assert_string_equal(plugins[0]->name, "org"); /* what is required comes first */
    assert_true(plugins[1]->units && plugins[1]->commands == 2 && plugins[1]->figures == 1);
    assert_true(registry_requires(r, "demo", "org") && !registry_requires(r, "org", "demo"));
    const struct migration *m;
    assert_int_equal(registry_migrations(r, "demo", &m), 2);
    assert_true(m[1].number == 2 && strcmp(m[1].name, "002_b") == 0);
    assert_true(slice_is(registry_file(r, "demo", "part"), "return 1"));
    assert_true(slice_is(registry_file(r, "muster", "money"), "return 2"));
    assert_int_equal(registry_file(r, "demo", "manifest").len, 0);
    assert_string_equal(registry_translate(r, "demo", "zh-CN", "no %s"), "没有 %s");
    assert_string_equal(registry_translate(r, "demo", "zh-CN", "lib %d"), "库 %d");
    assert_null(registry_translate(r, "demo", "en", "no %s"));
    assert_null(registry_translate(r, "org", "zh-CN", "no %s"));
    assert_string_equal(registry_suggest(r, SLICE("demo.ab")), "demo.b");
    assert_string_equal(registry_suggest(r, SLICE("limit")), "limits");
    assert_null(registry_suggest(r, SLICE("something.else")));
    assert_int_equal(registry_generation(r), 1);
}

/* The hash of a plugin follows its files. */
static void the_hash_follows_the_files(void **state)
{
    (void)state;
    unsigned char before[32];
    world_plugin(&world, "demo", "", "return {}");
    assert_int_equal(world_load(&world, NULL), 0);
    memcpy(before, registry_plugin(world.registry, SLICE("demo"))->hash, 32);
    registry_unref(world.registry);
    assert_int_equal(world_load(&world, NULL), 0);
    assert_memory_equal(before, registry_plugin(world.registry, SLICE("demo"))->hash, 32);
    registry_unref(world.registry);
    world.registry = NULL;
    put_file(world.dir, "plugins/demo/more.lua", "return 1");
    assert_int_equal(world_load(&world, NULL), 0);
    assert_memory_not_equal(before, registry_plugin(world.registry, SLICE("demo"))->hash, 32);
}

#define CMD "mode = 'read', args = {}, returns = 'nil', summary = 'T.', run = function() end"
#define ONE(fields) "return { commands = { ['demo.x'] = { " fields " } } }"

/* Each wrong declaration is refused with words that lead to it. */
static void wrong_declarations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *init, *expect;
    } rows[] = {
        {"return 5", "plugin demo, init.lua: must return a table"},
        {"x = 1", "plugin demo, init.lua:1: global variable 'x'"},
        {"return {", "plugin demo, init.lua:1: unexpected symbol"},
        {"error('boom')", "plugin demo, init.lua:1: boom"},
        {"while true do local t = {} end", "plugin demo, command init.lua: stopped after its limit"},
        {"return require 'demo.nothing'", "no module demo.nothing"},
        {"return { comands = {} }", "there is no `comands` here"},
        {"return { commands = 5 }", "commands must be a table"},
        {"return { commands = { { " CMD " } } }", "must be demo.verb"},
        {"return { commands = { ['other.x'] = { " CMD " } } }", "\"other.x\" must be demo.verb"},
        {"return { commands = { ['demo.X'] = { " CMD " } } }", "must be demo.verb"},
        {"return { commands = { ['demo.a.b.c'] = { " CMD " } } }", "must be demo.verb"},
        {"return { commands = { ['demo.x.'] = { " CMD " } } }", "must be demo.verb"},
        {"return { commands = { ['demo.x'] = 1 } }", "demo.x must be a table"},
        {ONE(""), "command demo.x: run must be a function"},
        {ONE(CMD ", mode = 'wrong'"), "mode must be \"read\" or \"write\""},
        {"\n" ONE(CMD ", args = { 'a:txt' }"), "command demo.x (init.lua:2): argument \"a:txt\": types are"},
        {ONE(CMD ", args = { 5 }"), "args must be a list of texts"},
        {ONE(CMD ", args = 'a:int'"), "args must be a list of texts"},
        {ONE(CMD ", args = { 'at:instant' }"), "belong to the host"},
        {ONE(CMD ", returns = '{a:integer}'"), "returns \"{a:integer}\": a shape is"},
        {ONE(CMD ", returns = 5"), "returns must be a text"},
        {ONE(CMD ", summary = 5"), "summary must be"},
        {ONE(CMD ", summary = { en = 'T.', zh = '试' }"),
         "summary of command demo.x (init.lua:1): there is no `zh` here"},
        {ONE(CMD ", summary = '\\xBA\\xC3'"), "a text in it is not UTF-8"},
        {ONE(CMD ", timeout_ms = 0"), "timeout_ms must be an integer"},
        {ONE(CMD ", tiemout_ms = 5"), "there is no `tiemout_ms` here"},
        {"return { figures = { ['demo.f'] = { unit = 'fen', args = { 'scope:unit' }, summary = 'S', compute = function() end } } }",
         "every figure has `scope` already"},
        {"return { figures = { ['demo.f'] = { unit = 'fen', summary = 'S' } } }", "compute must be a function"},
        {"return { settings = { a = { type = 'fen', default = -1, summary = 'S' } } }", "its default is refused"},
        {"return { settings = { a = { type = 'fen', summary = 'S' } } }", "default must be"},
        {"return { settings = { A = { type = 'fen', default = 1, summary = 'S' } } }", "a name is [a-z]"},
        {"return { roles = { ['demo.r'] = { grants = { 'Fund.*' }, summary = 'S' } } }", "\"Fund.*\" is no grant"},
        {"return { roles = { ['demo.r'] = { grants = 'demo.*', summary = 'S' } } }", "grants must be a list of texts"},
        {"return { roles = { clerk = { grants = {}, summary = 'S' } } }", "\"clerk\" must be demo.verb"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_plugin(&world, "demo", "", rows[i].init);
        world.err = (struct err){0};
        assert_int_not_equal(world_load(&world, NULL), 0);
        assert_null(world.registry);
        if (!strstr(world.err.text, rows[i].expect))
            fail_msg("%s\nexpected %s\ngot %s", rows[i].init, rows[i].expect, world.err.text);
        assert_non_null(strstr(world.err.text, "plugin demo"));
    }
}

static void refuse(const char *expect)
{
    world.err = (struct err){0};
    assert_int_not_equal(world_load(&world, NULL), 0);
    if (!strstr(world.err.text, expect))
        fail_msg("expected %s, got %s", expect, world.err.text);
}

/* Manifests: what is missing, circular, badly named. */
static void wrong_manifests_are_refused(void **state)
{
    (void)state;
    world_plugin(&world, "demo", "requires = { 'nothing' }", "return {}");
    refuse("plugin demo, manifest.lua: requires plugin nothing, which is missing or disabled");
    world_plugin(&world, "demo", "requires = { 'two' }", "return {}");
    world_plugin(&world, "two", "requires = { 'demo' }", "return {}");
    refuse("requires itself in a circle");
    world_plugin(&world, "two", "", "return {}");
    put_file(world.dir, "plugins/demo/manifest.lua",
             "return { name = 'other', version = '1.0.0', api = 1, summary = 'x' }");
    refuse("name is \"other\", but its folder is demo");
    put_file(world.dir, "plugins/demo/manifest.lua",
             "return { name = 'demo', version = '1.0.0', api = 2, summary = 'x' }");
    refuse("api must be 1");
    put_file(world.dir, "plugins/demo/manifest.lua", "return { name = 'demo', api = 1, summary = 'x' }");
    refuse("version must be a text");
    put_file(world.dir, "plugins/demo/manifest.lua",
             "return { name = 'demo', version = '1.0.0', api = 1, summary = 'x', trust = 'all' }");
    refuse("there is no `trust` here");
    world_plugin(&world, "demo", "", "return {}");
    put_file(world.dir, "plugins/demo/migrations/002_x.sql", "CREATE TABLE demo_x (id INTEGER) STRICT;");
    refuse("numbered from 001 without holes; 001 is missing");
    put_file(world.dir, "plugins/demo/migrations/001_x.sql", "CREATE TABLE demo_y (id INTEGER) STRICT;");
    put_file(world.dir, "plugins/demo/locale/zh-CN.lua", "return { ['only %d of %s'] = '%s %d' }");
    refuse("plugin demo, locale/zh-CN.lua: \"only %d of %s\": the translation must take the same % items");
    put_file(world.dir, "plugins/demo/locale/zh-CN.lua", "return {}");
    put_file(world.dir, "plugins/Demo2/manifest.lua", "return {}");
    refuse("a plugin's name is [a-z][a-z0-9]*");
}

/* Whatever an editor wrote that is not UTF-8, or begins with a mark, is refused with file, line and what to do. */
static void files_in_another_encoding_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *line;
    } rows[] = {
        {"init.lua", "plugin demo, init.lua:"},
        {"manifest.lua", "plugin demo, manifest.lua:"},
        {"more.lua", "plugin demo, more.lua:"},
        {"locale/zh-CN.lua", "plugin demo, locale/zh-CN.lua:"},
        {"migrations/001_x.sql", "migration 001_x of demo, line "},
        {"migrations/001_x.down.sql", "migration 001_x.down of demo, line "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[100], expect[200];
        world_plugin(&world, "demo", "", "return {}");
        put_file(world.dir, "plugins/demo/more.lua", "return {}");
        put_file(world.dir, "plugins/demo/locale/zh-CN.lua", "return {}");
        put_file(world.dir, "plugins/demo/migrations/001_x.sql", "CREATE TABLE demo_x (id INTEGER) STRICT;");
        put_file(world.dir, "plugins/demo/migrations/001_x.down.sql", "DROP TABLE demo_x;");
        snprintf(path, sizeof(path), "plugins/demo/%s", rows[i].file);
        put_file(world.dir, path, "-- \xE5\xA5\xBD\n-- \xBA\xC3\nreturn {}");
        snprintf(expect, sizeof(expect), "%s2: the line is not UTF-8 text; save the file as UTF-8", rows[i].line);
        refuse(expect);
        put_file(world.dir, path, "\xEF\xBB\xBFreturn {}");
        snprintf(expect, sizeof(expect), "%s1: the file begins with a byte order mark; save it as UTF-8 without BOM",
                 rows[i].line);
        refuse(expect);
    }
}

/* Files are bounded. */
static void big_files_are_refused(void **state)
{
    (void)state;
    char *text = malloc(300000);
    memset(text, ' ', 300000);
    text[299999] = '\0';
    world_plugin(&world, "demo", "", text);
    refuse("has at most 262144 bytes");
    free(text);
}

/* The same name twice, also between host and plugin, is refused. */
static void twins_are_refused(void **state)
{
    (void)state;
    static const struct native_command twin[] = {{"demo.x", MODE_READ, "", "nil", "X.", "X", native}, {0}};
    static const struct native_command *const lists[] = {twin, NULL};
    world_plugin(&world, "demo", "", ONE(CMD));
    assert_int_not_equal(world_load(&world, lists), 0);
    assert_string_equal(world.err.text, "command demo.x is declared twice");
    static const struct native_command wrong[] = {{"x", MODE_READ, "a:nothing", "nil", "X.", "X", native}, {0}};
    static const struct native_command *const wrong_lists[] = {wrong, NULL};
    assert_int_not_equal(world_load(&world, wrong_lists), 0);
    assert_non_null(strstr(world.err.text, "host command x: argument \"a:nothing\""));
}

/* A disabled plugin is left out. */
static void disabled_plugins_are_left_out(void **state)
{
    (void)state;
    char plugins[200];
    world_plugin(&world, "demo", "", "error('not even run')");
    world_plugin(&world, "two", "", "return {}");
    snprintf(plugins, sizeof(plugins), "%s/plugins", world.dir);
    static const char *const disabled[] = {"demo", NULL};
    struct registry_sources sources = {.plugins_dir = plugins, .disabled = disabled};
    if (registry_load(&sources, 7, &world.registry, &world.err) != 0)
        fail_msg("%s", world.err.text);
    assert_null(registry_plugin(world.registry, SLICE("demo")));
    assert_non_null(registry_plugin(world.registry, SLICE("two")));
    struct registry *other = registry_ref(world.registry);
    registry_unref(other);
    assert_int_equal(registry_generation(world.registry), 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(declarations_are_found),
        TEST(the_hash_follows_the_files),
        TEST(wrong_declarations_are_refused),
        TEST(wrong_manifests_are_refused),
        TEST(big_files_are_refused),
        TEST(files_in_another_encoding_are_refused),
        TEST(twins_are_refused),
        TEST(disabled_plugins_are_left_out),
    };
    return cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
