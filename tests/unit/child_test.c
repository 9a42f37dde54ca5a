#include "plugin_fixture.h"

#include "base/log.h"
#include "plugin/child.h"
#include "plugin/child_box.h"
#include "plugin/child_crash.h"
#include "plugin/child_spawn.h"
#include "plugin/kit.h"

#include <errno.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Plugins in processes of their own, as a lane has them: they do all that others do, and whatever goes wrong in them
 * stays there. The program is muster itself, from the environment; the plugins are compiled here. */

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    child_crash_start(world.dir);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    child_crash_start(NULL);
    world_close(&world);
    return 0;
}

static void shell(const char *fmt)
{
    char command[1000];
    snprintf(command, sizeof(command), fmt, world.dir, world.dir);
    if (system(command) != 0)
        fail_msg("%s", command);
}

/* The manifest with one line more. */
static void isolate(const char *name)
{
    char command[300];
    snprintf(command, sizeof(command),
             "sed -i 's/api = 1,/api = 1, isolate = \"process\",/' %s/plugins/%s/manifest.lua", world.dir, name);
    assert_int_equal(system(command), 0);
}

static void put_wreck(void)
{
    shell("cp -r tests/fixtures/child/wreck %s/plugins/");
    shell("cc -shared -fPIC -O1 -Iapi %s/plugins/wreck/wreck.c -o %s/plugins/wreck/wreck.so");
    isolate("wreck");
}

static void put_other(void)
{
    world_plugin(&world, "other", "requires = {}",
                 "return { commands = {\n"
                 "  ['other.twice'] = { mode = 'read', args = { 'text:text' }, returns = 'text', summary = 'T.',\n"
                 "    run = function(call, text) return text .. text end },\n"
                 "  ['other.back'] = { mode = 'read', args = { 'text:text' }, returns = 'any', summary = 'T.',\n"
                 "    run = function(call, text) return call:invoke('far.say', { text = text }) end } } }");
}

/* A plugin in Lua, far away. */
static void put_far(void)
{
    world_plugin(
        &world, "far", "requires = { 'other' }, isolate = 'process'",
        "local c = {}\n"
        "local function add(name, mode, args, run)\n"
        "  c['far.' .. name] = { mode = mode, args = args, returns = 'any', summary = 'T.', timeout_ms = 300,\n"
        "    run = run }\n"
        "end\n"
        "add('say', 'read', { 'text:text' }, function(call, text) call:log('said %s', text) return text end)\n"
        "add('round', 'read', { 'text:text' }, function(call, text)\n"
        "  return { call:invoke('other.back', { text = text }), call:invoke('other.twice', { text = text }) } end)\n"
        "add('put', 'write', { 'text:text' }, function(call, text)\n"
        "  call.db:run('INSERT INTO far_item(text) VALUES(?)', text)\n"
        "  call:emit('t', { n = 1 })\n"
        "  return { call:next('s'), call:figure('far.rows').value, call:setting('word') } end)\n"
        "add('list', 'read', {}, function(call) return call.db:rows('SELECT text FROM far_item ORDER BY id') end)\n"
        "add('wrong', 'write', { 'text:text' }, function(call, text)\n"
        "  call.db:run('INSERT INTO far_item(text) VALUES(?)', text) local t return t.x end)\n"
        "add('refuse', 'read', {}, function(call) call:fail('STATE', { rule = 'far.no' }, 'not %s', 'now') end)\n"
        "add('spin', 'read', {}, function() while true do end end)\n"
        "add('hoard', 'read', {}, function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end)\n"
        "c['far.hoard'].timeout_ms = 60000 -- stopped by memory, on a busy machine, too\n"
        "return { commands = c,\n"
        "  settings = { word = { type = 'text', default = 'hello', summary = 'W.' } },\n"
        "  figures = { ['far.rows'] = { unit = 'rows', args = {}, summary = 'R.', compute = function(call)\n"
        "    return { value = call.db:value('SELECT count(*) FROM far_item') } end } } }");
    put_file(world.dir, "plugins/far/locale/zh-CN.lua", "return { ['not %s'] = '不行：%s' }");
    put_file(world.dir, "plugins/far/migrations/001_item.sql",
             "CREATE TABLE far_item (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;");
    put_other();
}

static const char *ask(const char *command, const char *a)
{
    return world_ask(&world, command, a, NULL, NULL);
}

static void expect(const char *got, const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fail_msg("expected %s\ngot      %s", wanted, got);
}

static void begins(const char *got, const char *wanted)
{
    if (strncmp(got, wanted, strlen(wanted)) != 0)
        fail_msg("expected %s…\ngot      %s", wanted, got);
}

/* Ask until the process is there again. */
static const char *ask_patiently(const char *command, const char *a)
{
    for (int i = 0; i < 500; i++) {
        const char *got = ask(command, a);
        if (strncmp(got, "BUSY plugin.restarting", 22) != 0)
            return got;
        usleep(20000);
    }
    fail_msg("it does not come back");
    return "";
}

static void a_lua_plugin_works_as_if_it_were_here(void **state)
{
    (void)state;
    put_far();
    world_start(&world, NULL);
    assert_int_equal(registry_plugin(world.registry, SLICE("far"))->isolation, ISOLATION_PROCESS);
    expect(ask("far.say", "你好"), "\"你好\"");
    expect(ask("far.put", "一"), "[1,1,\"hello\"]");
    expect(buf_cstr(&world.emitted), "t {\"n\":1}\n");
    expect(ask("far.list", NULL), "[{\"text\":\"一\"}]");
    begins(ask("far.wrong", "二"), "INTERNAL : plugin far, init.lua:15: attempt to index a nil");
    expect(ask("far.list", NULL), "[{\"text\":\"一\"}]");
    expect(ask("far.refuse", NULL), "STATE far.no: not now");
    world.lang = "zh-CN";
    expect(ask("far.refuse", NULL), "STATE far.no: 不行：now");
}

/* It calls others, and is called back by them on the same line. */
static void it_may_be_called_back(void **state)
{
    (void)state;
    put_far();
    world_start(&world, NULL);
    expect(ask("far.round", "a"), "[\"a\",\"aa\"]");
    expect(ask("other.back", "b"), "\"b\"");
}

/* The limits of a script hold there as here, and the process goes on. */
static void a_script_is_stopped_without_the_process(void **state)
{
    (void)state;
    skip_with_late_signals();
    put_far();
    world_start(&world, NULL);
    begins(ask("far.hoard", NULL), "LIMIT limit.memory");
    expect(ask("far.say", "a"), "\"a\"");
    struct child_crash *list;
    int count;
    assert_int_equal(child_crash_read(world.dir, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(list);
}

static void a_crash_stays_there_and_is_noted(void **state)
{
    (void)state;
    skip_with_late_signals();
    put_wreck();
    put_other();
    world_start(&world, NULL);
    expect(ask("wreck.ok", NULL), "\"fine\"");
    expect(ask("wreck.put", "one"), "1");
    begins(ask("wreck.null", NULL), "INTERNAL plugin.crashed: plugin wreck, command wreck.null: its process ended: ");
    expect(ask("other.twice", "a"), "\"aa\"");
    begins(ask("wreck.ok", NULL), "BUSY plugin.restarting: ");
    world.lang = "zh-CN";
    begins(ask("wreck.ok", NULL), "BUSY plugin.restarting: 插件 wreck");
    world.lang = "en";
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
    expect(ask("wreck.count", NULL), "1");
    begins(ask("wreck.leave", NULL), "INTERNAL plugin.crashed: ");
    struct child_crash *list;
    int count;
    assert_int_equal(child_crash_read(world.dir, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].command, "wreck.leave");
    assert_string_equal(list[0].how, "it ended by itself with status 3");
    assert_string_equal(list[1].command, "wreck.null");
    assert_string_equal(list[1].plugin, "wreck");
    assert_string_equal(list[1].version, "1.0.0");
    assert_string_equal(list[1].user, "wang");
    assert_true(list[1].at_ms > 0);
    free(list);
}

/* It ends the process, not a thread of it for whose end everybody waits. */
static void a_foreign_system_call_is_a_crash(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    begins(ask("wreck.foreign", NULL),
           "INTERNAL plugin.crashed: plugin wreck, command wreck.foreign: its process ended: "
           "signal "); /* which one, the kernel's build decides */
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
}

/* C code can't be stopped from inside: the process is killed, and the server is not taken for stuck. */
static void one_that_does_not_stop_is_killed(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    begins(ask("wreck.spin", NULL), "TIMEOUT limit.time: command wreck.spin: stopped after its limit of 400 ms");
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
}

static void nonsense_on_the_line_ends_it(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    static const char *const bytes[] = {"0", "2", "255", "-1"};
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        const char *got = ask_patiently("wreck.scribble", bytes[i]);
        if (strncmp(got, "INTERNAL plugin.crashed", 23) != 0 && strncmp(got, "TIMEOUT limit.time", 18) != 0)
            fail_msg("%s: %s", bytes[i], got);
    }
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
}

/* A pure command depends on its arguments only: in a process that does not keep to that, too. */
static void a_pure_command_is_told_nothing(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    expect(ask("wreck.pure", NULL), "\"refused: by the host\"");
    expect(ask("wreck.ok", NULL), "\"fine\"");
}

/* The one crash that is noted. */
static void expect_crash(const char *command, const char *how)
{
    struct child_crash *list;
    int count;
    assert_int_equal(child_crash_read(world.dir, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(list[0].command, command);
    assert_string_equal(list[0].how, how);
    free(list);
}

/* Until a process has ended; it stays to be buried. */
static void await_an_end(void)
{
    siginfo_t info = {0};
    for (int i = 0; i < 3000 && info.si_pid == 0; i++) {
        assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG), 0);
        usleep(20000);
    }
    assert_int_not_equal(info.si_pid, 0);
}

/* Whoever asks next has nothing to do with it. */
static void one_that_ends_while_idle_is_nobodys_crash(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    expect(ask("wreck.expire", NULL), "\"a\"");
    await_an_end();
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
    expect_crash("-", "while idle: it ended by itself with status 5");
}

/* It has said that it is done, and nobody may ask it anything for a long time. */
static void one_that_goes_on_after_its_result_is_killed(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    expect(ask("wreck.burn", NULL), "\"a\"");
    await_an_end();
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
    expect_crash("-", "while idle: it used too much of the processor, and was killed");
}

static void a_second_result_is_not_the_next_commands(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    expect(ask("wreck.twice", NULL), "\"a\"");
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
    expect_crash("-", "while idle: it spoke without being asked, and was killed");
}

static struct {
    int own, dropped, forged;
    char last[300];
} heard;

static void hear(enum log_level level, const char *module, const char *text)
{
    (void)level;
    heard.own += strcmp(module, "plugin") == 0 && strcmp(text, "wreck, wreck.chatter: a line") == 0;
    heard.forged += strcmp(module, "plugin") == 0 && strncmp(text, "other", 5) == 0;
    heard.dropped += strcmp(module, "child") == 0 && strstr(text, "are left out") != NULL;
    snprintf(heard.last, sizeof(heard.last), "%s: %s", module, text);
}

/* Its lines are those of a plugin inside; it can't write another's, and whoever reads them knows when some are missing.
 */
static void its_lines_are_its_own(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    log_set_sink(hear);
    heard.own = heard.dropped = heard.forged = 0;
    expect(ask("wreck.chatter", "3"), "\"said\"");
    assert_int_equal(heard.own, 3);
    assert_int_equal(heard.dropped, 0);
    assert_string_equal(heard.last, "child: wreck: other, other.twice: stolen");
    expect(ask("wreck.chatter", "500"), "\"said\"");
    log_set_sink(NULL);
    assert_in_range(heard.own, 3 + 1, 3 + 499);
    assert_int_equal(heard.dropped, 1);
    assert_int_equal(heard.forged, 0);
}

/* It would be memory of the server, and the time until it comes. */
static void a_reply_that_is_announced_too_long_is_not_waited_for(void **state)
{
    (void)state;
    put_wreck();
    world_start(&world, NULL);
    begins(ask("wreck.announce", NULL), "INTERNAL plugin.crashed");
    expect(ask_patiently("wreck.ok", NULL), "\"fine\"");
}

/* What a long reply took is given back when the command has ended. */
static void a_long_reply_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *sanitize = getenv("MUSTER_SANITIZE");
    if (sanitize && *sanitize)
        skip(); /* a sanitizer's memory is not counted there */
    put_wreck();
    world_start(&world, NULL);
    expect(ask("wreck.ok", NULL), "\"fine\"");
    const struct mallinfo2 before = mallinfo2();
    assert_true(strlen(ask("wreck.large", "6000000")) == 6000002);
    buf_close(&world.out);
    const struct mallinfo2 after = mallinfo2();
    assert_true(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + (1 << 20));
}

static void attacks_are_refused(void **state)
{
    (void)state;
    static const char *const attempts[] = {"load",   "path",    "filter", "low",  "signal",
                                           "fork",   "exec",    "thread", "open", "create",
                                           "unlink", "connect", "code",   "kill", "environment"};
    put_wreck();
    world_start(&world, NULL);
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const char *got = ask("wreck.try", attempts[i]);
        if (strncmp(got, "\"refused: ", 10) != 0)
            fail_msg("%s: %s", attempts[i], got);
    }
    const char *sanitize = getenv("MUSTER_SANITIZE");
    if (!sanitize || !*sanitize) { /* a sanitizer has its own idea of memory */
        begins(ask("wreck.try", "allocate"), "\"refused: ");
        begins(ask("wreck.hoard", NULL), "\"refused: ");
    }
}

/* In a process that has shut itself in and may still make any system call. */
static bool boxed_can_signal(int pid)
{
    static const char *const folders[] = {NULL};
    int status = 0;
    const int boxed = fork();
    if (boxed == 0)
        _exit(child_box_enter(folders, 1 << 30, NULL) != 0 ? 2 : kill(pid, 0) == 0 ? 0 : 1);
    assert_int_equal(waitpid(boxed, &status, 0), boxed);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) == 0;
}

/* Whatever way a signal takes (kill, the owner of a descriptor), the kernel lets none out of the box. */
static void no_signal_leaves_the_box(void **state)
{
    (void)state;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 6)
        skip();
    assert_int_equal(kill(getpid(), 0), 0);
    assert_false(boxed_can_signal(getpid()));
}

/* The whole C interface, from a process; the answers are those of native_test. */
static void the_c_interface_is_the_same(void **state)
{
    (void)state;
    shell("cp -r tests/abi/every %s/plugins/");
    shell("cc -shared -fPIC -O1 -Iapi tests/abi/every/every.c -o %s/plugins/every/every.so");
    isolate("every");
    world_plugin(&world, "asker", "requires = { 'every' }",
                 "local every = require 'every'\n"
                 "return { commands = { ['asker.twice'] = { mode = 'read', args = { 'text:text' }, returns = 'any',\n"
                 "  summary = 'T.', run = function(_, text) return every.twice(text) end } } }");
    world_start(&world, NULL);
    expect(ask("every.facts", NULL),
           "{\"now\":1581300000000,\"user\":\"wang\",\"person\":\"M001\",\"lang\":\"en\",\"scope\":\"/\",\"zone\":480,"
           "\"stopped\":false,\"host\":true}");
    expect(ask("every.put", "text=一行"), "1");
    expect(ask("every.list", NULL), "[{\"text\":\"一行\",\"bytes\":\"AAH/\",\"half\":true,\"nothing\":true}]");
    expect(ask("every.ask", NULL),
           "{\"id\":\"2\",\"figure\":\"{\\\"name\\\":\\\"every.rows\\\",\\\"value\\\":2,\\\"unit\\\":\\\"rows\\\","
           "\\\"complete\\\":true,\\\"numerator\\\":null,\\\"denominator\\\":null,\\\"basis\\\":null,"
           "\\\"as_of\\\":1581300000000}\",\"number\":1,\"word\":\"默认\"}");
    begins(ask("every.misuse", "sql"), "INTERNAL sql.table: plugin every, command every.misuse: SQL: ");
    /* A pure command of a plugin far away looks the same in Lua. */
    assert_true(registry_command(world.registry, SLICE("every.twice"))->pure);
    char *direct = mem_dup(ask("every.twice", "ab"));
    expect(ask("asker.twice", "ab"), direct);
    free(direct);
}

/* And a plugin far away may require one that is here. */
static void it_requires_a_kit_through_its_line(void **state)
{
    (void)state;
    shell("cp -r tests/abi/every %s/plugins/");
    shell("cc -shared -fPIC -O1 -Iapi tests/abi/every/every.c -o %s/plugins/every/every.so");
    world_plugin(&world, "asker", "requires = { 'every' }, isolate = 'process'",
                 "local every = require 'every'\n"
                 "return { commands = { ['asker.twice'] = { mode = 'read', args = { 'text:text' }, returns = 'any',\n"
                 "  summary = 'T.', run = function(_, text) return every.twice(text) end } } }");
    world_start(&world, NULL);
    char *direct = mem_dup(ask("every.twice", "ab"));
    expect(ask("asker.twice", "ab"), direct);
    free(direct);
}

static void a_plugin_that_can_not_load_says_why(void **state)
{
    (void)state;
    world_plugin(&world, "broken", "requires = {}, isolate = 'process', native = true", "return { commands = {} }");
    put_file(world.dir, "plugins/broken/broken.c",
             "#include <stdlib.h>\n__attribute__((constructor)) static void load(void) { abort(); }\n");
    shell("cc -shared -fPIC %s/plugins/broken/broken.c -o %s/plugins/broken/broken.so");
    assert_true(world_load(&world, NULL) < 0);
    assert_string_equal(world.err.rule, "child.load");
    assert_non_null(strstr(world.err.text, "plugin broken, its process ended while it was loaded: signal 6"));
}

/* A plugin in C whose constructor does this. */
static void put_loader(const char *name, const char *constructor)
{
    char manifest[100], path[100], text[1500];
    snprintf(manifest, sizeof(manifest), "requires = {}, isolate = 'process', native = true");
    world_plugin(&world, name, manifest, "return { commands = {} }");
    snprintf(path, sizeof(path), "plugins/%s/%s.c", name, name);
    snprintf(
        text, sizeof(text),
        "#include <muster.h>\n#include <fcntl.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
        "__attribute__((constructor)) static void load(void) { %s }\n"
        "static int ok(const struct muster_host *h, struct muster_call *c, const struct muster_value *a)\n"
        "{ (void)a; h->reply_int(c, 1); return MUSTER_OK; }\n"
        "static int gone(const struct muster_host *h, struct muster_call *c, const struct muster_value *a)\n"
        "{ (void)h; (void)c; (void)a; abort(); }\n"
        "#define READ(n, f) { .name = \"%s.\" n, .args = \"\", .returns = \"int\", .summary_en = \"T.\", .run = f }\n"
        "static const struct muster_command commands[] = { READ(\"ok\", ok), READ(\"gone\", gone) };\n"
        "MUSTER_PLUGIN(\"%s\", \"1.0.0\", commands);\n",
        constructor, name, name);
    put_file(world.dir, path, text);
    snprintf(text, sizeof(text), "cc -shared -fPIC -Iapi %%s/plugins/%s/%s.c -o %%s/plugins/%s/%s.so", name, name, name,
             name);
    shell(text);
}

/* Whoever never comes back from its constructor, and says itself that it is ready, is not shut in for good: its word is
 * not taken for it. */
static void one_that_never_shuts_itself_in_is_ended(void **state)
{
    (void)state;
    char text[700], lib[100], path[120];
    snprintf(text, sizeof(text),
             "char b[55] = {47, 0, 0, 0, 2, 0, 0, 0, '*', '1', 13, 10, '=', '3', '6', 13, 10, 'b', 'i', 'n', ':'};"
             "b[53] = 13; b[54] = 10; int fd = open(\"%s/lib/hash\", O_RDONLY);"
             "if (fd >= 0 && read(fd, b + 21, 32) == 32 && write(3, b, 55) > 0) for (;;) pause();",
             world.dir);
    put_loader("liar", text);
    assert_int_equal(world_load(&world, NULL), 0);
    const struct plugin *plugin = registry_plugin(world.registry, SLICE("liar"));
    snprintf(lib, sizeof(lib), "%s/lib", world.dir);
    snprintf(path, sizeof(path), "%s/hash", lib);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(plugin->hash, 1, sizeof(plugin->hash), f), 32);
    fclose(f);
    const struct child_options options = {.plugin = plugin, .lib_dir = lib};
    struct child *c = NULL;
    const int rv = child_start(&options, &c, &world.err);
    child_free(c);
    assert_int_equal(rv, ERR_INTERNAL);
    assert_string_equal(world.err.rule, "child.load");
    assert_non_null(strstr(world.err.text, "has not shut itself in"));
}

/* The lane does not wait for it; whoever asks is told to come again, until it is there. */
static void one_that_loads_slowly_holds_nobody_up(void **state)
{
    (void)state;
    put_loader("slow", "usleep(1500000);");
    world_start(&world, NULL);
    expect(ask("slow.ok", NULL), "1");
    begins(ask("slow.gone", NULL), "INTERNAL plugin.crashed: ");
    usleep(150000); /* the back-off is over, the loading only begins */
    begins(ask("slow.ok", NULL), "BUSY plugin.restarting: ");
    begins(ask("slow.ok", NULL), "BUSY plugin.restarting: ");
    expect(ask_patiently("slow.ok", NULL), "1");
    struct child_crash *list;
    int count;
    assert_int_equal(child_crash_read(world.dir, &list, &count, NULL), 0);
    assert_int_equal(count, 1); /* to load slowly is no crash */
    free(list);
}

/* A message that comes byte by byte and never ends is given up as one that does not come. */
static void one_that_drips_while_it_loads_is_ended(void **state)
{
    (void)state;
    put_loader("drip", "for (;;) { usleep(5000); if (write(3, \"\", 1) < 0) break; }");
    assert_true(world_load(&world, NULL) < 0);
    assert_string_equal(world.err.rule, "child.load");
    assert_non_null(strstr(world.err.text, "no message"));
}

/* Between loading the declarations and starting the process, or before it is started again. */
static void changed_files_are_noticed(void **state)
{
    (void)state;
    put_far();
    assert_int_equal(world_load(&world, NULL), 0);
    put_file(world.dir, "plugins/far/locale/zh-CN.lua", "return {}");
    struct runtime *rt;
    assert_int_equal(watchdog_start(&world.err), 0);
    assert_int_equal(runtime_new(world.registry, NULL, &rt, &world.err), ERR_STATE);
    assert_string_equal(world.err.rule, "child.changed");
    watchdog_stop();
}

static void a_process_ends_with_its_runtime(void **state)
{
    (void)state;
    put_far();
    assert_int_equal(world_load(&world, NULL), 0);
    const struct child_options options = {.plugin = registry_plugin(world.registry, SLICE("far"))};
    struct child *c;
    if (child_start(&options, &c, &world.err) != 0)
        fail_msg("%s", world.err.text);
    const int pid = child_pid(c);
    assert_true(pid > 0 && kill(pid, 0) == 0);
    child_free(c);
    assert_true(kill(pid, 0) < 0 && errno == ESRCH);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_lua_plugin_works_as_if_it_were_here),
        WORLD(it_may_be_called_back),
        WORLD(a_script_is_stopped_without_the_process),
        WORLD(a_crash_stays_there_and_is_noted),
        WORLD(a_foreign_system_call_is_a_crash),
        WORLD(one_that_does_not_stop_is_killed),
        WORLD(nonsense_on_the_line_ends_it),
        WORLD(a_pure_command_is_told_nothing),
        WORLD(one_that_ends_while_idle_is_nobodys_crash),
        WORLD(one_that_goes_on_after_its_result_is_killed),
        WORLD(a_second_result_is_not_the_next_commands),
        WORLD(its_lines_are_its_own),
        WORLD(a_reply_that_is_announced_too_long_is_not_waited_for),
        WORLD(a_long_reply_leaves_nothing_behind),
        WORLD(attacks_are_refused),
        cmocka_unit_test(no_signal_leaves_the_box),
        WORLD(the_c_interface_is_the_same),
        WORLD(it_requires_a_kit_through_its_line),
        WORLD(a_plugin_that_can_not_load_says_why),
        WORLD(one_that_never_shuts_itself_in_is_ended),
        WORLD(one_that_loads_slowly_holds_nobody_up),
        WORLD(one_that_drips_while_it_loads_is_ended),
        WORLD(changed_files_are_noticed),
        WORLD(a_process_ends_with_its_runtime),
    };
    if (!getenv("MUSTER")) {
        fputs("MUSTER is not set: which program?\n", stderr);
        return 77;
    }
    child_spawn_program(getenv("MUSTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
