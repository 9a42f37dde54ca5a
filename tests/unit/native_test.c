#include "plugin_fixture.h"

#include "plugin/native.h"
#include "script/quarantine.h"

#include <elf.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* C plugins in this process: what they may do, how they fail, and which files are not even opened. The plugin is
 * tests/abi/every, compiled here with the compiler of the machine. */

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

/* Run a shell command; `%s` is the world's folder, as often as it is there (at most three times). */
static void shell(const char *fmt)
{
    char command[1000];
    snprintf(command, sizeof(command), fmt, world.dir, world.dir, world.dir);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void put_every(void)
{
    shell("cp -r tests/abi/every %s/plugins/");
    shell("cc -shared -fPIC -O1 -Iapi tests/abi/every/every.c -o %s/plugins/every/every.so");
}

/* A plugin that calls pure commands of `every` from Lua. */
static void put_asker(void)
{
    world_plugin(
        &world, "asker", "requires = { 'every' }",
        "local every, null = require 'every', muster.null\n"
        "local function find(name)\n"
        "  local f = every\n"
        "  for part in name:gmatch('[^.]+') do f = f[part] end\n"
        "  return f\n"
        "end\n"
        "local function cmd(run) return { mode = 'read', args = { 'name:text', 'args:json' }, returns = 'any',\n"
        "  summary = 'S.', timeout_ms = 50, run = run } end\n"
        "return { commands = {\n"
        "  ['asker.run'] = cmd(function(_, name, args) return find(name)(table.unpack(args)) end),\n"
        "  ['asker.catch'] = cmd(function(_, name, args)\n"
        "    local ok, e = pcall(find(name), table.unpack(args))\n"
        "    return ok and 'went well' or { e.code, e.rule or null, e.arg or null, e.text }\n"
        "  end),\n"
        "  ['asker.bytes'] = cmd(function(_, name) return find(name)('a', 1, true, 2, '2020-02-29', 3, nil, nil, nil,\n"
        "    '\\xff\\0', { 1, 2 }) end),\n"
        "  ['asker.fraction'] = cmd(function(_, name) return find(name)('a', 1.5) end),\n"
        "  ['asker.whole'] = cmd(function(_, name) return find(name)('a', 2.0, false, 0, '2020-01-01', 0) end),\n"
        "} }");
}

static void expect(const char *got, const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fail_msg("expected %s\ngot      %s", wanted, got);
}

static void contains(const char *got, const char *wanted)
{
    if (!strstr(got, wanted))
        fail_msg("expected …%s…\ngot      %s", wanted, got);
}

static const char *ask(const char *command, const char *a, const char *b)
{
    return world_ask(&world, command, a, b, NULL);
}

/* Facts, arguments of every type, rows in and out, and all that is asked of the host. */
static void a_c_plugin_does_what_a_lua_plugin_does(void **state)
{
    (void)state;
    put_every();
    world_start(&world, NULL);
    expect(ask("every.facts", NULL, NULL),
           "{\"now\":1581300000000,\"user\":\"wang\",\"person\":\"M001\",\"lang\":\"en\",\"scope\":\"/\",\"zone\":480,"
           "\"stopped\":false,\"host\":true}");
    const struct slice words[] = {SLICE("文 a"),  SLICE("-5"),         SLICE("yes"),
                                  SLICE("250"),   SLICE("2020-02-29"), SLICE("1970-01-01T08:00:01+08:00"),
                                  SLICE("YL"),    SLICE("a"),          SLICE("{ \"b\": [1, \"x\"] }"),
                                  SLICE("bytes"), SLICE("3,4")};
    assert_int_equal(world_run(&world, "every.types", words, 11), 0);
    expect(buf_cstr(&world.out), "[\"4 0 文 a\",\"2 -5 \",\"1 1 \",\"2 250 \",\"4 0 2020-02-29\",\"2 1000 \","
                                 "\"4 0 YL\",\"4 0 a\",\"6 0 {\\\"b\\\":[1,\\\"x\\\"]}\",\"5 0 bytes\",\"6 0 [3,4]\","
                                 "\"0 0 \"]");
    expect(ask("every.put", "text=一行", NULL), "1");
    expect(ask("every.list", NULL, NULL), "[{\"text\":\"一行\",\"bytes\":\"AAH/\",\"half\":true,\"nothing\":true}]");
    expect(ask("every.ask", NULL, NULL),
           "{\"id\":\"2\",\"figure\":\"{\\\"name\\\":\\\"every.rows\\\",\\\"value\\\":2,\\\"unit\\\":\\\"rows\\\","
           "\\\"complete\\\":true,\\\"numerator\\\":null,\\\"denominator\\\":null,\\\"basis\\\":null,"
           "\\\"as_of\\\":1581300000000}\",\"number\":1,\"word\":\"默认\"}");
    expect(buf_cstr(&world.emitted), "asked {\"number\":1}\n");
    expect(ask("every.lua", "甲", NULL), "\"甲甲\"");
    const struct command *c = registry_command(world.registry, SLICE("every.types"));
    assert_true(!c->pure && c->mode == MODE_READ && c->timeout_ms == 2000 && strcmp(c->doc, "Longer.") == 0);
    assert_string_equal(c->summary_zh, "测试用");
    assert_string_equal(c->plugin, "every");
    const struct plugin *p = registry_plugin(world.registry, SLICE("every"));
    assert_true(p->native && p->isolation == ISOLATION_NONE && p->commands == 22);
    assert_true(registry_command(world.registry, SLICE("every.twice"))->pure);
}

/* A command that fails leaves nothing, and says why: what it noted first, even when it went on. */
static void the_first_failure_sticks(void **state)
{
    (void)state;
    static const struct {
        const char *how, *expect;
    } rows[] = {
        {"sql", "INTERNAL sql.table: plugin every, command every.misuse: SQL: "},
        {"column", "INTERNAL sql.error: plugin every, command every.misuse: SQL: no such column: absent"},
        {"parameters", "INTERNAL sql.args: plugin every, command every.misuse: SQL: "},
        {"type", "INTERNAL : plugin every, command every.misuse: a parameter of a statement has no type of muster.h"},
        {"row", "INTERNAL : plugin every, command every.misuse: column: there is no such column, or no row"},
        {"finished", "step: these rows are finished"},
        {"utf8", "reply_text: the text is not UTF-8"},
        {"open", "its reply is not one whole value"},
        {"two", "its reply is not one whole value"},
        {"shape", "INTERNAL : plugin every, command every.misuse: returns: the value should be a text, is an integer"},
        {"items", "it refused with a text that does not take its items"},
        {"json", "the arguments of invoke and figure are a JSON object"},
        {"queries", "query: at most 16 results are read at a time"},
    };
    put_every();
    world_start(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        contains(ask("every.misuse", rows[i].how, NULL), rows[i].expect);
    expect(ask("every.misuse", "rightly", NULL), "\"went on\"");
    contains(ask("every.nothing", NULL, NULL), "INTERNAL : command every.nothing: its reply is not one whole value");
    expect(ask("every.mute", NULL, NULL), "INTERNAL : plugin every, command every.mute: it failed and did not say why");
    contains(ask("every.invoke", "every.fail", "args={\"code\":\"POLICY\",\"why\":\"x\"}"),
             "POLICY every.refused: x is not good");
    contains(ask("every.invoke", "every.none", "args={}"), "no command every.none");
    expect(ask("every.list", NULL, NULL), "[]");
}

/* Refusals carry code, rule, argument and a translated text. */
static void a_refusal_is_told_in_the_callers_language(void **state)
{
    (void)state;
    put_every();
    world_start(&world, NULL);
    expect(ask("every.fail", "NOTFOUND", "this"), "NOTFOUND every.refused: this is not good, 100%");
    assert_string_equal(world.err.arg, "why");
    contains(ask("every.fail", "SCOPE", "this"), "INTERNAL every.refused");
    contains(ask("every.fail", "nonsense", "this"), "INTERNAL every.refused");
    world.lang = "zh-CN";
    expect(ask("every.fail", "DUP", "这"), "DUP every.refused: 这 不是 good，100%");
}

/* Memory is zeroed, bounded by 64 MiB, and given back with the command. */
static void memory_of_a_command_is_bounded(void **state)
{
    (void)state;
    put_every();
    world_start(&world, NULL);
    for (int i = 0; i < 3; i++)
        expect(ask("every.fill", "66000000", NULL), "null");
    expect(ask("every.collect", "1000", NULL), "1000");
    contains(ask("every.collect", "10000000", NULL), "LIMIT limit.memory");
    contains(ask("every.fill", "70000000", NULL),
             "LIMIT limit.memory: plugin every, command every.fill: it needs more than 64 MiB");
}

/* One that looks at the time is told when it is over. */
static void a_command_is_told_to_stop(void **state)
{
    (void)state;
    put_every();
    put_asker();
    world_start(&world, NULL);
    contains(ask("every.spin", NULL, NULL), "TIMEOUT limit.time: command every.spin: stopped after its limit of 30 ms");
    contains(ask("asker.run", "pure.spin", "[]"), "TIMEOUT limit.time: plugin asker, command asker.run");
    contains(ask("asker.catch", "pure.spin", "[]"), "TIMEOUT limit.time");
    expect(ask("asker.run", "twice", "[\"x\"]"), "\"xx\"");
}

/* Lua calls pure commands in place: typed arguments, the reply as values. */
static void lua_calls_pure_commands(void **state)
{
    (void)state;
    put_every();
    put_asker();
    world_start(&world, NULL);
    expect(ask("asker.run", "twice", "[\"两\"]"), "\"两两\"");
    expect(ask("asker.run", "tree.length", "[{\"a\":[1,2]}]"), "11");
    expect(ask("asker.run", "tree.length", "[\"[1, 2]\"]"), "5"); /* a string is JSON already */
    expect(ask("asker.whole", "pure.types", "[]"),
           "[\"4 0 a\",\"2 2 \",\"1 0 \",\"2 0 \",\"4 0 2020-01-01\",\"2 0 \",\"0 0 \",\"4 0 b\",\"0 0 \",\"0 0 \","
           "\"0 0 \",\"0 0 \"]");
    expect(
        ask("asker.run", "pure.types", "[\"t\",9,true,1,\"2020-01-01\",5,\"u\",\"a\",{\"k\":1},\"bytes\",[7,8]]"),
        "[\"4 0 t\",\"2 9 \",\"1 1 \",\"2 1 \",\"4 0 2020-01-01\",\"2 5 \",\"4 0 u\",\"4 0 a\",\"6 0 {\\\"k\\\":1}\","
        "\"5 0 bytes\",\"6 0 [7,8]\",\"0 0 \"]");
    contains(ask("asker.bytes", "pure.types", "[]"), "is not UTF-8"); /* bytes reach it as they are */
}

/* What does not fit a declaration is a refusal that Lua can catch, in the words a client would read. */
static void wrong_arguments_from_lua_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *args, *expect;
    } rows[] = {
        {"twice", "[]", "[\"ARG\",\"arg.required\",\"text\",\"text: required (text:text(1000000))\"]"},
        {"twice", "[5]", "[\"ARG\",\"arg.type\",\"text\",\"text: should be a text, is a number"},
        {"twice", "[\"\"]", "[\"ARG\",\"arg.range\",\"text\",\"text: must not be empty\"]"},
        {"twice", "[\"a\",\"b\"]",
         "[\"ARG\",\"arg.unknown\",null,\"every.twice: an argument too many; the command has 1\"]"},
        {"pure.types", "[\"a\",\"1\"]", "[\"ARG\",\"arg.type\",\"int\",\"int: should be an integer, is a string\"]"},
        {"pure.types", "[\"a\",10]", "[\"ARG\",\"arg.range\",\"int\",\"int: from 1 to 9\"]"},
        {"pure.types", "[\"a\",1,1]", "[\"ARG\",\"arg.type\",\"bool\",\"bool: should be a boolean, is a number\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-30\"]", "\"date: 2020-02-30 is not a day as YYYY-MM-DD\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",\"now\"]", "\"instant: should be an integer, is a string\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"c\"]", "\"word: c is not one of a, b\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",\"{\"]", "\"arg.type\",\"json\",\"json: not JSON"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",1,5]",
         "\"blob: should be a string of bytes, is a number\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",1,\"b\",\"1,2\"]",
         "\"list: should be a sequence, is a string\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",1,\"b\",{\"k\":1}]",
         "\"list: should be a sequence, is a table\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",1,\"b\",[1]]", "\"list: from 2 to 3 items\"]"},
        {"pure.types", "[\"a\",1,true,1,\"2020-02-29\",1,\"u\",\"a\",1,\"b\",[1,\"x\"]]",
         "\"list, item 2: x is not a whole number\"]"},
        {"pure.fail", "[\"POLICY\",\"this\"]", "[\"POLICY\",\"every.refused\",\"why\",\"this is not good, 100%\"]"},
        {"pure.impure", "[]", "a pure command may not use `now`"},
    };
    put_every();
    put_asker();
    world_start(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        contains(ask("asker.catch", rows[i].name, rows[i].args), rows[i].expect);
    contains(ask("asker.fraction", "pure.types", "[]"), "int: should be an integer, is a number with a fraction");
    contains(ask("every.pure.impure", NULL, NULL), "a pure command may not use `now`"); /* nor for a client */
    world.lang = "zh-CN";
    contains(ask("asker.fraction", "pure.types", "[]"), "int：应为整数，却带有小数");
    contains(ask("asker.run", "pure.fail", "[\"POLICY\",\"这\"]"), "POLICY every.refused: 这 不是 good，100%");
}

/* Only what is pure, only of what is required, only while a command runs. */
static void other_commands_are_no_functions(void **state)
{
    (void)state;
    static const struct {
        const char *more, *init, *expect;
    } rows[] = {
        {"", "return require 'every'", "require: no module every; a plugin has its own"},
        {"requires = { 'every' }", "return { settings = {}, x = require('every').put }", "put"},
        {"requires = { 'every' }", "require('every').twice('x') return {}", "`call` belongs to a running command"},
        {"requires = { 'every', 'two' }", "require('two') return {}", "require: no module two"},
    };
    put_every();
    world_plugin(&world, "two", "", "return {}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world_plugin(&world, "asker", rows[i].more, rows[i].init);
        int rv = world_load(&world, NULL);
        if (i == 1) { /* it is nil: no such function */
            assert_int_equal(rv, 0);
            registry_unref(world.registry);
            world.registry = NULL;
            continue;
        }
        assert_int_not_equal(rv, 0);
        contains(world.err.text, rows[i].expect);
    }
}

/* A process that holds a plugin alone does not know what it requires; the same code calls the same commands there. */
static void a_plugin_alone_asks_through_its_host(void **state)
{
    (void)state;
    struct registry *alone = NULL;
    struct runtime *rt = NULL;
    struct buf reply = {0};
    char plugins[200];
    put_every();
    put_asker();
    world_start(&world, NULL);
    snprintf(plugins, sizeof(plugins), "%s/plugins", world.dir);
    const struct registry_sources sources = {.plugins_dir = plugins, .alone = "asker"};
    if (registry_load(&sources, 1, &alone, &world.err) != 0 || runtime_new(alone, NULL, &rt, &world.err) != 0 ||
        runtime_attach(rt, NULL, &world.err) != 0)
        fail_msg("%s", world.err.text);
    assert_null(registry_command(alone, SLICE("every.twice")));
    static const struct {
        const char *command, *name, *args, *expect;
    } rows[] = {
        {"asker.run", "twice", "[\"两\"]", "\"两两\""},
        {"asker.run", "tree.length", "[{\"a\":[1,2]}]", "11"},
        {"asker.catch", "twice", "[]", "[\"ARG\",\"arg.required\",\"text\",\"text: required (text:text(1000000))\"]"},
        {"asker.catch", "twice", "[\"a\",\"b\"]", "every.twice: an argument too many; the command has 1"},
        {"asker.catch", "none", "[]", "no command every.none"},
        {"asker.catch", "pure.fail", "[\"POLICY\",\"this\"]",
         "[\"POLICY\",\"every.refused\",\"why\",\"this is not good, 100%\"]"},
    };
    assert_int_equal(store_batch_begin(world.store, NULL), STORE_OK);
    const struct store_request request = {.at_ms = 1};
    assert_int_equal(store_command_begin(world.store, &request, &reply, NULL), STORE_NEW);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct value args[] = {value_cstr(rows[i].name), {.type = VALUE_JSON, .s = slice_of(rows[i].args)}};
        struct call call = world_call(&world, false);
        buf_clear(&reply);
        buf_clear(&world.out);
        if (runtime_run(rt, registry_command(alone, slice_of(rows[i].command)), &call, args, 1000, &reply,
                        &world.err) != 0)
            fail_msg("%s", world.err.text);
        assert_int_equal(render_json(buf_view(&reply), &world.out), 0);
        contains(buf_cstr(&world.out), rows[i].expect);
    }
    store_batch_abort(world.store);
    runtime_free(rt);
    registry_unref(alone);
    buf_close(&reply);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

/* When C code brings the process down, its plugin is noted, and not the one whose Lua called it. */
static void a_crash_is_put_down_to_whose_code_it_was(void **state)
{
    (void)state;
    struct quarantine_entry *entries = NULL;
    char folder[200];
    int status, count = 0;
#ifdef SANITIZED
    skip(); /* fatal signals are the sanitizer's */
#endif
    put_every();
    put_asker();
    snprintf(folder, sizeof(folder), "%s/quarantine", world.dir);
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL); /* no test program's or sanitizer's own handler behind the host's */
        world_start(&world, NULL);
        if (quarantine_start(folder, NULL) == 0)
            ask("asker.run", "pure.crash", "[]");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    assert_int_equal(quarantine_read(folder, &entries, &count, &world.err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].plugin, "every");
    assert_string_equal(entries[0].command, "every.pure.crash");
    free(entries);
}

/* -- files that are refused -- */

static const char source_head[] =
    "#include <muster.h>\n"
    "static int run(const struct muster_host *h, struct muster_call *c, const struct muster_value *a)\n"
    "{ (void)a; h->reply_null(c); return 0; }\n";

/* Compile `demo` from head and rest, with more options. */
static void put_demo(const char *options, const char *rest)
{
    char text[2000], command[300];
    world_plugin(&world, "demo", "native = true", "return {}");
    shell("rm -f %s/plugins/demo/init.lua");
    snprintf(text, sizeof(text), "%s%s", source_head, rest);
    put_file(world.dir, "demo.c", text);
    snprintf(command, sizeof(command), "cc -shared -fPIC -Iapi -w %s %%s/demo.c -o %%s/plugins/demo/demo.so", options);
    shell(command);
}

#define LIST(fields) "static const struct muster_command list[] = {{ " fields " }};\n"
#define FIELDS                                                                                                         \
    ".name = \"demo.x\", .mode = MUSTER_READ, .args = \"\", .returns = \"nil\", .summary_en = \"S.\", .run = run"
#define PLUGIN "MUSTER_PLUGIN(\"demo\", \"1.0.0\", list);\n"

static void refuse_demo(const char *rule, const char *expect_text)
{
    world.err = (struct err){0};
    assert_int_equal(world_load(&world, NULL), ERR_ARG);
    assert_null(world.registry);
    if (strcmp(world.err.rule, rule) != 0)
        fail_msg("expected rule %s, got %s: %s", rule, world.err.rule, world.err.text);
    contains(world.err.text, "plugin demo, ");
    contains(world.err.text, expect_text);
}

static void patch(long at, const void *bytes, size_t n)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/plugins/demo/demo.so", world.dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Files that are no shared objects for this machine are refused before any of their code can run. */
static void foreign_files_are_refused(void **state)
{
    (void)state;
    const char *good =
        LIST(FIELDS) PLUGIN "__attribute__((constructor)) static void ran(void) { *(volatile int *)0 = 1; }\n";
    put_demo("", good);
    const uint16_t machine = EM_S390, type = ET_EXEC;
    const unsigned char class = ELFCLASS32, order = ELFDATA2MSB;
    patch(offsetof(Elf64_Ehdr, e_machine), &machine, sizeof(machine));
    refuse_demo("native.arch", "demo.so: it is built for s390 (machine 22), and this host is ");
    put_demo("", good);
    patch(EI_CLASS, &class, 1);
    refuse_demo("native.arch", "it is a 32-bit object, and this host is 64-bit");
    put_demo("", good);
    patch(EI_DATA, &order, 1);
    refuse_demo("native.arch", "its byte order is not this machine's");
    put_demo("", good);
    patch(offsetof(Elf64_Ehdr, e_type), &type, sizeof(type));
    refuse_demo("native.elf", "an ELF file, but not a shared object");
    put_demo("", good);
    shell("truncate -s 3000 %s/plugins/demo/demo.so");
    refuse_demo("native.elf", "the file is cut off: it has 3000 bytes");
    shell("truncate -s 40 %s/plugins/demo/demo.so");
    refuse_demo("native.elf", "the file is cut off after 40 bytes");
    shell("truncate -s 0 %s/plugins/demo/demo.so");
    refuse_demo("native.elf", "not a shared object (no ELF file)");
    shell("cp %s/demo.c %s/plugins/demo/demo.so");
    refuse_demo("native.elf", "not a shared object (no ELF file)");
    shell("rm %s/plugins/demo/demo.so");
    refuse_demo("native.file", "demo.so: there is no such file beside the manifest, which says native = true");
    shell("mkdir %s/plugins/demo/demo.so");
    assert_int_not_equal(world_load(&world, NULL), 0);
    contains(world.err.text, "demo.so");
}

/* What the descriptor says is not believed. */
static void wrong_descriptors_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *rule, *expect;
    } rows[] = {
        {"int other;", "native.symbol", "it exports no descriptor `muster_plugin`"},
        {"extern int nowhere(void); int call(void) { return nowhere(); }" LIST(FIELDS) PLUGIN, "native.open",
         "nowhere"},
        {LIST(FIELDS) "MUSTER_PLUGIN(\"other\", \"1.0.0\", list);", "native.name",
         "its descriptor says \"other\", the manifest \"demo\""},
        {LIST(FIELDS) "MUSTER_PLUGIN(\"demo\", \"1.0.1\", list);", "native.version",
         "its descriptor says version 1.0.1, the manifest 1.0.0"},
        {LIST(FIELDS) "MUSTER_PLUGIN(NULL, \"1.0.0\", list);", "native.descriptor", "no name or no version"},
        {LIST(FIELDS) "#undef MUSTER_ABI\n#define MUSTER_ABI 2\n" PLUGIN, "native.abi",
         "version 2 of the C interface, and this host has 1"},
        {LIST(FIELDS) "MUSTER_EXPORT const struct muster_plugin muster_plugin = { 4, MUSTER_ABI };", "native.size",
         "says it is 4 bytes long"},
        {LIST(
             FIELDS) "MUSTER_EXPORT const struct muster_plugin muster_plugin = { sizeof(struct muster_plugin) - 8, MUSTER_ABI };",
         "native.size", "and the first version had"},
        {LIST(
             FIELDS) "MUSTER_EXPORT const struct muster_plugin muster_plugin = { sizeof(struct muster_plugin), MUSTER_ABI, 0,"
                     " sizeof(struct muster_command) - 8, \"demo\", \"1.0.0\", list, 1 };",
         "native.size", "its commands have"},
        {LIST(
             FIELDS) "MUSTER_EXPORT const struct muster_plugin muster_plugin = { sizeof(struct muster_plugin), MUSTER_ABI, 0,"
                     " sizeof(struct muster_command), \"demo\", \"1.0.0\", list, 100000 };",
         "native.descriptor", "lists 100000 commands"},
        {LIST(
             FIELDS) "MUSTER_EXPORT const struct muster_plugin muster_plugin = { sizeof(struct muster_plugin), MUSTER_ABI, 0,"
                     " sizeof(struct muster_command), \"demo\", \"1.0.0\", 0, 1 };",
         "native.descriptor", "at no address"},
        {LIST(".name = \"demo.x\"") PLUGIN, "native.descriptor", "command 1, demo.x: args is missing"},
        {LIST(FIELDS ", .run = 0") PLUGIN, "native.descriptor", "command demo.x: run is missing"},
        {LIST(FIELDS ", .name = \"other.x\"") PLUGIN, "native.command", "other.x: its name must be that of the plugin"},
        {LIST(FIELDS ", .mode = 2") PLUGIN, "native.command", "demo.x: mode must be"},
        {LIST(FIELDS ", .flags = 6") PLUGIN, "native.command", "flags must be"},
        {LIST(FIELDS ", .flags = MUSTER_PURE, .mode = MUSTER_WRITE") PLUGIN, "native.command",
         "a pure command changes nothing"},
        {LIST(FIELDS ", .flags = MUSTER_PURE, .args = \"u:unit\"") PLUGIN, "native.command",
         "a pure command takes no unit"},
        {LIST(FIELDS ", .args = \"a:txt\"") PLUGIN, "native.command", "argument \"a:txt\": types are"},
        {LIST(FIELDS ", .returns = \"{a:integer}\"") PLUGIN, "native.command", "a shape is"},
        {LIST(FIELDS ", .summary_en = \"\"") PLUGIN, "native.command", "summary_en must not be empty"},
        {LIST(FIELDS ", .doc = \"\\xff\"") PLUGIN, "native.command", "must be UTF-8"},
        {LIST(FIELDS ", .timeout_ms = -1") PLUGIN, "native.command", "timeout_ms must be"},
        {"static const struct muster_command list[] = {{ " FIELDS ", .flags = MUSTER_PURE }, { " FIELDS
         ", .flags = MUSTER_PURE, .name = \"demo.x.y\" }};" PLUGIN,
         "native.command", "can't begin another one's"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_demo("", rows[i].rest);
        refuse_demo(rows[i].rule, rows[i].expect);
    }
    put_demo("", "static const struct muster_command list[] = {{ " FIELDS " }, { " FIELDS " }};" PLUGIN);
    assert_int_not_equal(world_load(&world, NULL), 0);
    assert_string_equal(world.err.text, "command demo.x is declared twice");
    put_demo("", LIST(FIELDS ", .timeout_ms = 700") PLUGIN); /* and this is a good one */
    assert_int_equal(world_load(&world, NULL), 0);
    assert_int_equal(registry_command(world.registry, SLICE("demo.x"))->timeout_ms, 700);
}

/* Code that nobody vouches for is not opened here: not even its constructors run. */
static void untrusted_code_is_not_opened_here(void **state)
{
    (void)state;
    char folder[200], text[600];
    snprintf(text, sizeof(text),
             LIST(FIELDS) PLUGIN "#include <stdio.h>\n__attribute__((constructor)) static void ran(void) "
                                 "{ fclose(fopen(\"%s/ran\", \"w\")); }\n",
             world.dir);
    put_demo("", text);
    snprintf(folder, sizeof(folder), "%s/plugins/demo", world.dir);
    const struct plugin_place place = {"demo", folder, false};
    struct registry_sources sources = {.places = &place, .nplaces = 1};
    registry_load(&sources, 1, &world.registry, &world.err);
    if (world.registry)
        assert_int_equal(registry_plugin(world.registry, SLICE("demo"))->isolation, ISOLATION_PROCESS);
    shell("test ! -e %s/ran");
    registry_unref(world.registry);
    world.registry = NULL;
    const struct plugin_place trusted = {"demo", folder, true};
    sources.places = &trusted;
    if (registry_load(&sources, 1, &world.registry, &world.err) != 0)
        fail_msg("%s", world.err.text);
    assert_int_equal(registry_plugin(world.registry, SLICE("demo"))->isolation, ISOLATION_NONE);
    shell("test -e %s/ran");
}

/* What one process describes, another declares as if it had opened the file itself. */
static void a_description_declares_the_same(void **state)
{
    (void)state;
    struct buf text = {0};
    struct registry *described = NULL;
    char path[200];
    put_every();
    assert_int_equal(world_load(&world, NULL), 0);
    snprintf(path, sizeof(path), "%s/plugins/every/every.so", world.dir);
    if (native_describe(path, &text, &world.err) != 0)
        fail_msg("%s", world.err.text);
    struct registry *here = world.registry;
    world.registry = NULL;
    shell("rm -r %s/plugins/every/every.so");
    shell("sed -i 's/native = true, health = \"every.facts\",//' %s/plugins/every/manifest.lua");
    assert_int_equal(world_load(&world, NULL), 0);
    described = world.registry;
    struct package *p = (struct package *)(uintptr_t)registry_plugin(described, SLICE("every"));
    if (native_declare(described, p, buf_view(&text), &world.err) != 0)
        fail_msg("%s", world.err.text);
    int count = 0;
    for (int i = 0; i < described->commands.count; i++) {
        const struct command *b = described->commands.items[i], *a = registry_command(here, slice_of(b->name));
        if (!b->native)
            continue;
        count++;
        assert_true(a && a->mode == b->mode && a->pure == b->pure && a->nargs == b->nargs &&
                    a->timeout_ms == b->timeout_ms);
        assert_string_equal(a->returns_text, b->returns_text);
        assert_string_equal(a->summary_zh, b->summary_zh);
        assert_true((!a->doc && !b->doc) || strcmp(a->doc, b->doc) == 0);
        for (int k = 0; k < a->nargs; k++)
            assert_string_equal(a->args[k].spec, b->args[k].spec);
    }
    assert_int_equal(count, 21);
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"name\":\"every\",\"version\":\"1.0.0\",\"commands\":[5]}",
                                        "{\"name\":\"other\",\"version\":\"1.0.0\",\"commands\":[]}",
                                        "{\"name\":\"every\",\"version\":\"1.0.0\",\"commands\":{}}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(native_declare(described, p, slice_of(wrong[i]), NULL), ERR_ARG);
    buf_close(&text);
    registry_unref(here);
}

/* The hash of a plugin follows its shared object. */
static void the_hash_follows_the_object(void **state)
{
    (void)state;
    unsigned char before[32];
    put_demo("", LIST(FIELDS) PLUGIN);
    assert_int_equal(world_load(&world, NULL), 0);
    memcpy(before, registry_plugin(world.registry, SLICE("demo"))->hash, 32);
    registry_unref(world.registry);
    world.registry = NULL;
    put_demo("-DMORE", LIST(FIELDS ", .doc = \"More.\"") PLUGIN);
    assert_int_equal(world_load(&world, NULL), 0);
    assert_memory_not_equal(before, registry_plugin(world.registry, SLICE("demo"))->hash, 32);
}

/* A file that was built again is opened, although an older generation holds the one that lay there before. */
static void a_rebuilt_object_is_opened_anew(void **state)
{
    (void)state;
    struct registry *kept[4];
    char rest[400];
    for (int i = 0; i < 4; i++) {
        snprintf(rest, sizeof(rest), LIST(FIELDS ", .doc = \"Build %d.\"") PLUGIN, i / 2); /* each of them twice */
        if (i % 2 == 0) {
            shell("rm -rf %s/plugins/demo");
            put_demo("", rest);
        }
        assert_int_equal(world_load(&world, NULL), 0);
        kept[i] = world.registry;
        world.registry = NULL;
    }
    for (int i = 0; i < 4; i++) {
        snprintf(rest, sizeof(rest), "Build %d.", i / 2);
        const struct command *c = registry_command(kept[i], SLICE("demo.x"));
        assert_string_equal(c->doc, rest);
        const struct muster_command *a = c->native_data,
                                    *b = registry_command(kept[i / 2 * 2], SLICE("demo.x"))->native_data,
                                    *other = registry_command(kept[3 - i], SLICE("demo.x"))->native_data;
        assert_true(a->run == b->run && a->run != other->run);
    }
    for (int i = 0; i < 4; i++)
        registry_unref(kept[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest forking[] = {
        TEST(a_crash_is_put_down_to_whose_code_it_was), /* no thread may run yet */
    };
    const struct CMUnitTest tests[] = {
        TEST(a_c_plugin_does_what_a_lua_plugin_does),
        TEST(the_first_failure_sticks),
        TEST(a_refusal_is_told_in_the_callers_language),
        TEST(memory_of_a_command_is_bounded),
        TEST(a_command_is_told_to_stop),
        TEST(lua_calls_pure_commands),
        TEST(wrong_arguments_from_lua_are_refused),
        TEST(other_commands_are_no_functions),
        TEST(a_plugin_alone_asks_through_its_host),
        TEST(foreign_files_are_refused),
        TEST(wrong_descriptors_are_refused),
        TEST(untrusted_code_is_not_opened_here),
        TEST(a_description_declares_the_same),
        TEST(the_hash_follows_the_object),
        TEST(a_rebuilt_object_is_opened_anew),
    };
    int wrong = cmocka_run_group_tests(forking, NULL, NULL);
    return wrong + cmocka_run_group_tests(tests, start_watchdog, stop_watchdog);
}
