#include "plugin_fixture.h"

/* Commands of a plugin under a runtime: replies by shape, call's methods, errors, nesting. */

static struct world world;

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    return 0;
}

/* A world with the one plugin `demo`, whose table of commands is `commands`. */
static void start(const char *commands)
{
    char *init = malloc(strlen(commands) + 100);
    sprintf(init, "return { commands = { %s } }", commands);
    world_plugin(&world, "demo", "", init);
    put_file(
        world.dir, "plugins/demo/migrations/001_item.sql",
        "CREATE TABLE demo_item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fen INTEGER, data BLOB) STRICT;");
    world_start(&world, NULL);
    free(init);
}

static const char *ask(const char *command, const char *a, const char *b)
{
    return world_ask(&world, command, a, b, NULL);
}

#define COMMAND(name, mode, args, returns, body)                                                                       \
    "['demo." name "'] = { mode = '" mode "', args = { " args " }, returns = '" returns                                \
    "', summary = 'Test.', run = function(call, a, b, c) " body " end },\n"

/* Values of every type arrive as Lua values and leave by the shape, keys in the shape's order. */
static void values_come_and_go_by_type(void **state)
{
    (void)state;
    start(COMMAND("echo", "read", "'a:int', 'b:text?', 'c:json?'", "{i:int, t:text, j:json, none:int}",
                  "return { t = b, j = c, i = a }")
              COMMAND("flag", "read", "'a:bool', 'b:date?', 'c:instant=0'", "[any]", "return { a, b, c }")
                  COMMAND("list", "read", "'a:int[]'", "{sum:fen, items:[int]}",
                          "local s = 0 for _, v in ipairs(a) do s = s + v end return { sum = s, items = a }")
                      COMMAND("any", "read", "", "any", "return { z = 1, a = { 1, 2.5, muster.null, 'x' }, b = true }")
                          COMMAND("bools", "read", "", "[bool]", "return { 0, 1, true, false }")
                              COMMAND("none", "read", "", "nil", "")
                                  COMMAND("kinds", "read", "'a:json'", "any",
                                          "return { math.type(a.i), math.type(a.f), a.n == muster.null, type(a.l) }"));
    assert_string_equal(ask("demo.echo", "5", "b=héllo"), "{\"i\":5,\"t\":\"héllo\",\"j\":null,\"none\":null}");
    assert_string_equal(ask("demo.echo", "a=-1", "c={\"y\":[1,null],\"x\":1.5}"),
                        "{\"i\":-1,\"t\":null,\"j\":\"{\\\"x\\\":1.5,\\\"y\\\":[1,null]}\",\"none\":null}");
    assert_string_equal(ask("demo.flag", "yes", "2020-02-10"), "[true,\"2020-02-10\",0]");
    assert_string_equal(ask("demo.list", "1,2,3", NULL), "{\"sum\":6,\"items\":[1,2,3]}");
    assert_string_equal(ask("demo.list", "a=[9007199254740993]", NULL),
                        "{\"sum\":\"9007199254740993\",\"items\":[\"9007199254740993\"]}");
    assert_string_equal(ask("demo.any", NULL, NULL), "{\"a\":[1,2.5,null,\"x\"],\"b\":true,\"z\":1}");
    assert_string_equal(ask("demo.bools", NULL, NULL), "[false,true,true,false]");
    assert_string_equal(ask("demo.none", NULL, NULL), "null");
    assert_string_equal(ask("demo.kinds", "{\"i\":1,\"f\":1.0,\"n\":null,\"l\":[]}", NULL),
                        "[\"integer\",\"float\",true,\"table\"]");
}

/* A reply that breaks its shape is an internal error that names the key. */
static void wrong_replies_are_faults_of_the_plugin(void **state)
{
    (void)state;
    start(
        COMMAND("extra", "read", "", "{a:int}", "return { a = 1, oops = 2 }") COMMAND(
            "type", "read", "", "{a:int}", "return { a = 'x' }") COMMAND("fraction", "read", "", "fen",
                                                                         "return 10.5") COMMAND("nil", "read", "",
                                                                                                "nil", "return 1")
            COMMAND("cycle", "read", "", "any", "local t = {} t[1] = t return t") COMMAND(
                "long", "read", "", "any",
                "local t = {} for i = 1, 100000 do t[i] = 'some text to fill the reply' end return t")
                COMMAND(
                    "meta", "read", "", "any",
                    "return setmetatable({}, { __index = function() return 1 end, __len = function() return 5 end, __pairs = error })")
                    COMMAND("func", "read", "", "[any]", "return { print }")
                        COMMAND("utf8", "read", "", "text", "return '\\xff'"));
    world.limits.reply_bytes = 0;
    assert_string_equal(
        ask("demo.extra", NULL, NULL),
        "INTERNAL : plugin demo, command demo.extra: returns: oops is not in the declared shape, which has a");
    assert_string_equal(ask("demo.type", NULL, NULL),
                        "INTERNAL : plugin demo, command demo.type: returns: a should be an integer, is string");
    assert_string_equal(
        ask("demo.fraction", NULL, NULL),
        "INTERNAL : plugin demo, command demo.fraction: returns: the value should be a whole number of fen, is a fraction");
    assert_string_equal(ask("demo.nil", NULL, NULL),
                        "INTERNAL : plugin demo, command demo.nil: returns: the value should be nil, is number");
    assert_non_null(strstr(ask("demo.cycle", NULL, NULL), "nested deeper than"));
    assert_string_equal(ask("demo.meta", NULL, NULL), "[]");
    assert_non_null(strstr(ask("demo.func", NULL, NULL), "a function can't be written"));
    assert_non_null(strstr(ask("demo.utf8", NULL, NULL), "should be a text in UTF-8"));
    assert_int_equal(world_run(&world, "demo.long", NULL, 0), 0);
}

/* A list with holes, or with other keys, is refused wherever it would become a map without a word. */
static void lists_with_holes_are_refused(void **state)
{
    (void)state;
    static const char *const commands[] = {"demo.any", "demo.json", "demo.emit"};
#define HOLED "({ { 1, nil, 3 }, { [2] = 'x' }, { 1, a = 2 }, { deep = { 1, nil, 3 } } })[a]"
    start(COMMAND("any", "read", "'a:int'", "any", "return " HOLED)
              COMMAND("json", "read", "'a:int'", "json", "return " HOLED)
                  COMMAND("emit", "write", "'a:int'", "nil", "call:emit('demo.t', { list = " HOLED " })"));
    for (int i = 0; i < 12; i++) {
        const char *got = ask(commands[i % 3], (const char *[]){"1", "2", "3", "4"}[i / 3], NULL);
        if (!strstr(got, "INTERNAL") || !strstr(got, "a list has no holes") || !strstr(got, "muster.null"))
            fail_msg("%s of table %d: %s", commands[i % 3], i / 3 + 1, got);
    }
}

/* A reply beyond the limit is refused and leaves no bytes. */
static void a_reply_too_long_is_refused(void **state)
{
    (void)state;
    world.limits.reply_bytes = 4096;
    start(COMMAND("long", "read", "", "any",
                  "local t = {} for i = 1, 1000 do t[i] = 'some text to fill it' end return t"));
    assert_string_equal(ask("demo.long", NULL, NULL),
                        "TOOBIG limit.reply: command demo.long: its reply is longer than 4 KiB; ask for less at once");
}

/* call's fields are those of the request, and can't be changed. */
static void call_shows_the_request(void **state)
{
    (void)state;
    world.scope = "/YL/";
    start(COMMAND(
        "fields", "read", "", "any",
        "return { call.now, call.user, call.person, call.lang, call.scope, call.scope_end, call.zone_min, call.today }")
              COMMAND("wrong", "read", "", "any", "return call.nothing")
                  COMMAND("set", "read", "", "any", "call.now = 1") COMMAND(
                      "units", "read", "", "any",
                      "return { call:in_scope('YL'), call:in_scope('XX'), call:unit_path('YL'), call:unit_path('XX') == nil }")
                      COMMAND("texts", "read", "", "any", "return { call:nfc('e\\u{301}'), call:hash('abc') }"));
    assert_string_equal(ask("demo.fields", NULL, NULL),
                        "[1581300000000,\"wang\",\"M001\",\"en\",\"/YL/\",\"/YL0\",480,\"2020-02-10\"]");
    assert_non_null(strstr(ask("demo.wrong", NULL, NULL), "call has no field 'nothing'"));
    assert_non_null(strstr(ask("demo.set", NULL, NULL), "call can't be changed"));
    assert_string_equal(ask("demo.units", NULL, NULL), "[true,false,\"/YL/\",true]");
    assert_string_equal(ask("demo.texts", NULL, NULL),
                        "[\"é\",\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]");
}

/* call:fail carries code, rule, argument, state and what is allowed; its format is translated; it can be caught and
 * read. */
static void refusals_say_everything(void **state)
{
    (void)state;
    put_file(world.dir, "plugins/demo/locale/zh-CN.lua",
             "return { ['only %d of %s'] = '%d 个 %s' , ['other %s'] = '别的 %s' }");
    start(COMMAND(
        "full", "write", "", "nil",
        "call:fail('POLICY', { rule = 'demo.rule', arg = 'x', state = 'open', allowed = { 'a', 'b' } }, 'only %d of %s', 5, 'π')")
              COMMAND("short", "read", "", "nil", "call:fail('NOTFOUND', 'no %s 100%%', muster.null)") COMMAND(
                  "caught", "read", "", "any",
                  "local ok, e = pcall(call.fail, call, 'STATE', { rule = 'demo.s' }, 'x') return { ok, e.code, e.rule, e.arg == nil, e.text, tostring(e) }")
                  COMMAND("unknown", "read", "", "nil", "call:fail('E_WRONG', 'x')")
                      COMMAND("missing", "read", "", "nil", "call:fail('STATE', 'needs %s and %d', 1)")
                          COMMAND("format", "read", "", "nil", "call:fail('STATE', '%n')")
                              COMMAND("long", "read", "", "nil", "call:fail('STATE', '%s', ('é'):rep(1000))"));
    assert_string_equal(ask("demo.full", NULL, NULL), "POLICY demo.rule: only 5 of π");
    assert_string_equal(world.err.arg, "x");
    assert_string_equal(world.err.state, "open");
    assert_string_equal(world.err.allowed, "a, b");
    world.lang = "zh-CN";
    assert_string_equal(ask("demo.full", NULL, NULL), "POLICY demo.rule: 5 个 π");
    world.lang = "en";
    assert_string_equal(ask("demo.short", NULL, NULL), "NOTFOUND : no null 100%");
    assert_string_equal(ask("demo.caught", NULL, NULL), "[false,\"STATE\",\"demo.s\",true,\"x\",\"STATE demo.s: x\"]");
    assert_non_null(
        strstr(ask("demo.unknown", NULL, NULL), "INTERNAL : plugin demo, init.lua:4: call:fail: no code E_WRONG"));
    assert_non_null(strstr(ask("demo.missing", NULL, NULL), "it needs more values than were given"));
    assert_non_null(strstr(ask("demo.format", NULL, NULL), "only %s, %d and %% are known"));
    assert_int_equal(world_run(&world, "demo.long", NULL, 0), ERR_STATE);
    assert_int_equal(strlen(world.err.text), 598);
}

/* An error of the plugin's own is INTERNAL, with plugin, file and line. */
static void faults_name_file_and_line(void **state)
{
    (void)state;
    start("\n" COMMAND("error", "read", "", "nil", "error('x')")
              COMMAND("nil", "read", "", "nil", "local t = nil; return t.x")
                  COMMAND("table", "read", "", "nil", "error({})") COMMAND("global", "read", "", "nil", "count = 1")
                      COMMAND("undefined", "read", "", "nil", "return os.time()")
                          COMMAND("kept", "read", "", "any", "local e = math kept = call"));
    assert_string_equal(ask("demo.error", NULL, NULL), "INTERNAL : plugin demo, init.lua:2: x");
    assert_non_null(
        strstr(ask("demo.nil", NULL, NULL), "plugin demo, init.lua:3: attempt to index a nil value (local 't')"));
    assert_string_equal(ask("demo.table", NULL, NULL),
                        "INTERNAL : plugin demo, command demo.table: raised a table instead of a text");
    assert_non_null(strstr(ask("demo.global", NULL, NULL), "global variable 'count'"));
    assert_non_null(strstr(ask("demo.undefined", NULL, NULL), "undefined name 'os'"));
}

/* SQL: parameters by type, rows by column name, one row, one value, counts. */
static void sql_rows_become_tables(void **state)
{
    (void)state;
    start(
        COMMAND(
            "add", "write", "'a:text', 'b:fen?', 'c:blob?'", "int",
            "return call.db:value('INSERT INTO demo_item (name, fen, data) VALUES (?, ?, CAST(? AS BLOB)) RETURNING id', a, b, c)")
            COMMAND("rows", "read", "", "[{id:int, name:text, fen:fen, data:blob}]",
                    "return call.db:rows('SELECT id, name, fen, data FROM demo_item ORDER BY id')")
                COMMAND("row", "read", "'a:int'", "any",
                        "local r = call.db:row('SELECT name, fen FROM demo_item WHERE id = ?', a) return r and r.name")
                    COMMAND(
                        "none", "read", "", "any",
                        "return { call.db:value('SELECT fen FROM demo_item WHERE id = -1') == nil, call.db:row('SELECT 1 FROM demo_item WHERE id = -1') == nil, #call.db:rows('SELECT id FROM demo_item WHERE id = -1') }")
                        COMMAND("run", "write", "", "int", "return call.db:run('UPDATE demo_item SET fen = ?', 7)") COMMAND(
                            "types", "read", "", "any",
                            "return call.db:rows('SELECT ? AS a, ? AS b, ? AS c, ? AS d', true, 1.5, nil, muster.null)")
                            COMMAND("dot", "read", "", "any", "return call.db.value('SELECT 1')")
                                COMMAND("tbl", "read", "", "any", "return call.db:value('SELECT ?', {})"));
    assert_string_equal(ask("demo.add", "one", "5"), "1");
    assert_string_equal(ask("demo.add", "a=two", "c=\xff\x01"), "2");
    assert_string_equal(
        ask("demo.rows", NULL, NULL),
        "[{\"id\":1,\"name\":\"one\",\"fen\":5,\"data\":null},{\"id\":2,\"name\":\"two\",\"fen\":null,\"data\":\"/wE=\"}]");
    assert_string_equal(ask("demo.row", "1", NULL), "\"one\"");
    assert_string_equal(ask("demo.row", "9", NULL), "null");
    assert_string_equal(ask("demo.none", NULL, NULL), "[true,true,0]");
    assert_string_equal(ask("demo.run", NULL, NULL), "2");
    assert_string_equal(ask("demo.types", NULL, NULL), "[{\"a\":1,\"b\":1.5}]");
    assert_non_null(strstr(ask("demo.dot", NULL, NULL), "call.db:method"));
    assert_non_null(strstr(ask("demo.tbl", NULL, NULL), "parameter 1: a table can't be stored"));
}

/* A failed statement dooms the command, caught or not, and the next command works. */
static void a_failed_statement_dooms_the_command(void **state)
{
    (void)state;
    start(COMMAND(
        "twice", "write", "", "any",
        "call.db:run(\"INSERT INTO demo_item (name) VALUES ('a')\") "
        "local ok, e = pcall(call.db.run, call.db, \"INSERT INTO demo_item (name) VALUES ('a')\") assert(not ok and e.code == 'CONFLICT') return 'went on'")
              COMMAND("count", "read", "", "int", "return call.db:value('SELECT count(*) FROM demo_item')") COMMAND(
                  "bad", "read", "", "any",
                  "return call.db:value('SELEC 1')") COMMAND("foreign", "read", "", "any",
                                                             "return call.db:value('SELECT count(*) FROM muster_done')")
                  COMMAND("few", "read", "", "any", "return call.db:value('SELECT ?')") COMMAND(
                      "on", "write", "", "any",
                      "call.db:run(\"INSERT INTO demo_item (name) VALUES ('a')\") "
                      "pcall(call.db.run, call.db, \"INSERT INTO demo_item (name) VALUES ('a')\")"
                      "\nreturn call.db:value('SELECT 1')")
                      COMMAND(
                          "many", "read", "", "any",
                          "return #call.db:rows('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n')"));
    assert_int_equal(world_run(&world, "demo.twice", NULL, 0), ERR_CONFLICT);
    assert_string_equal(world.err.rule, "sql.constraint");
    assert_string_equal(ask("demo.count", NULL, NULL), "0");
    assert_non_null(strstr(ask("demo.bad", NULL, NULL), "INTERNAL"));
    assert_non_null(strstr(world.err.text, "plugin demo, init.lua:3: SQL: "));
    const char *got = ask("demo.on", NULL, NULL); /* the first error is told with the second */
    if (strncmp(got, "INTERNAL sql.doomed: plugin demo, init.lua:7: ", 46) != 0 ||
        !strstr(got, "it was: UNIQUE constraint failed: demo_item.name"))
        fail_msg("%s", got);
    assert_int_equal(world_run(&world, "demo.foreign", NULL, 0), ERR_INTERNAL);
    assert_int_equal(world_run(&world, "demo.few", NULL, 0), ERR_INTERNAL);
    assert_int_equal(world_run(&world, "demo.many", NULL, 0), ERR_LIMIT);
    assert_string_equal(ask("demo.count", NULL, NULL), "0");
}

/* next, setting, emit, unit_set reach the host; those that write need mode write. */
static void the_host_is_asked(void **state)
{
    (void)state;
    world_plugin(
        &world, "demo", "units = true",
        "return { settings = { large = { type = 'fen(1..)', default = 100000, summary = 'S.' }, word = { type = 'text', default = 'two words', summary = 'S.' } },"
        "commands = {" COMMAND(
            "all", "write", "", "any",
            "call:emit('demo.done', { b = 1, a = { true } }) call:unit_set('A') call:unit_set('B', 'A')"
            " return { call:next('x'), call:next('x'), call:setting('large'), call:setting('word') }")
            COMMAND("next", "read", "", "any", "return call:next('x')")
                COMMAND("setting", "read", "", "any", "return call:setting('nothing')") "} }");
    world_start(&world, NULL);
    assert_string_equal(ask("demo.all", NULL, NULL), "[1,2,100000,\"two words\"]");
    assert_string_equal(buf_cstr(&world.emitted), "demo.done {\"a\":[true],\"b\":1}\nunit A in \nunit B in A\n");
    assert_non_null(strstr(ask("demo.next", NULL, NULL), "only a command of mode \"write\" may"));
    assert_non_null(strstr(ask("demo.setting", NULL, NULL), "no setting nothing"));
}

static const char callee[] =
    "local f = {} f['two.add'] = { mode = 'write', args = { 'name:text', 'fen:fen=3', 'list:int[]?' }, returns = '{id:int, none:int, items:[any]}', summary = 'T.',"
    " run = function(call, name, fen, list) call.db:run('INSERT INTO two_item (name) VALUES (?)', name) return { id = fen, items = list } end }"
    " f['two.refuse'] = { mode = 'write', args = {}, returns = 'nil', summary = 'T.', run = function(call)"
    " call.db:run(\"INSERT INTO two_item (name) VALUES ('kept?')\") call:fail('POLICY', { rule = 'two.no' }, 'no') end }"
    " f['two.count'] = { mode = 'read', args = {}, returns = 'int', summary = 'T.', run = function(call) return call.db:value('SELECT count(*) FROM two_item') end }"
    " f['two.back'] = { mode = 'read', args = { 'n:int' }, returns = 'any', summary = 'T.', run = function(call, n) return call:invoke('demo.back', { a = n }) end }"
    " f['two.loop'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 60, summary = 'T.', run = function(call) while true do local t = { call } end end }" /* allocates: a thread sanitizer delivers signals only then */
    " return { commands = f }";

static void start_two(const char *commands)
{
    world_plugin(&world, "two", "", callee);
    put_file(world.dir, "plugins/two/migrations/001_item.sql",
             "CREATE TABLE two_item (id INTEGER PRIMARY KEY, name TEXT) STRICT;");
    char *init = malloc(strlen(commands) + 1000);
    sprintf(
        init,
        "return { commands = { %s }, figures = { ['demo.net'] = { unit = 'fen', args = { 'fund:text' }, summary = 'F.', compute = function(call, q)"
        " if q.fund == 'bad' then return { value = 1.5 } end if q.fund == 'more' then return { value = 1, extra = 1 } end"
        " return { value = 7, numerator = 1, denominator = 2, basis = q.fund .. q.scope .. q.scope_end .. tostring(q.from) } end } } }",
        commands);
    world_plugin(&world, "demo", "requires = { 'two' }", init);
    world_start(&world, NULL);
    free(init);
}

/* Another plugin's command: arguments as text, reply as values, its refusal raised, its writes rolled back with it. */
static void plugins_call_each_other(void **state)
{
    (void)state;
    start_two(
        COMMAND(
            "ok", "write", "", "any",
            "local r = call:invoke('two.add', { name = 'x', list = { 1, 2 }, fen = muster.null }) return { r.id, r.none == nil, r.items, call:invoke('two.count') }")
            COMMAND("refused", "write", "", "any", "call:invoke('two.refuse')") COMMAND(
                "caught", "write", "", "any",
                "local ok, e = pcall(call.invoke, call, 'two.refuse') return { ok, e.code, e.rule, call:invoke('two.count', {}) }")
                COMMAND("wrong", "read", "", "any", "return call:invoke('two.add', { nam = 1 })")
                    COMMAND("unknown", "read", "", "any", "return call:invoke('two.nothing')")
                        COMMAND("list", "read", "", "any", "return call:invoke('two.count', { 1 })"));
    assert_string_equal(ask("demo.ok", NULL, NULL), "[3,true,[1,2],1]");
    assert_string_equal(ask("demo.refused", NULL, NULL), "POLICY two.no: no");
    assert_string_equal(ask("demo.caught", NULL, NULL), "[false,\"POLICY\",\"two.no\",1]");
    assert_string_equal(ask("demo.wrong", NULL, NULL), "ARG arg.unknown: nam: no such argument; did you mean name?");
    assert_non_null(strstr(ask("demo.unknown", NULL, NULL), "no command two.nothing"));
    assert_non_null(strstr(ask("demo.list", NULL, NULL), "arguments are given by name"));
}

/* A plugin may be called back by one that it called, on the same state, to the limit of nesting. */
static void a_plugin_may_be_called_back(void **state)
{
    (void)state;
    start_two(COMMAND(
        "back", "read", "'a:int'", "any",
        "if a == 0 then return { call.user } end local r = call:invoke('two.back', { n = a - 1 }) r[#r + 1] = a return r"));
    assert_string_equal(ask("demo.back", "0", NULL), "[\"wang\"]");
    assert_string_equal(ask("demo.back", "3", NULL), "[\"wang\",1,2,3]");
    assert_int_equal(world_run(&world, "demo.back", &SLICE("7"), 1), 0);
    assert_int_equal(world_run(&world, "demo.back", &SLICE("40"), 1), ERR_LIMIT);
    assert_string_equal(ask("demo.back", "1", NULL), "[\"wang\",1]");
}

/* Figures: the query's table, the reply's fields in order, and what compute may return. */
static void figures_are_checked(void **state)
{
    (void)state;
    world.scope = "/YL/";
    start_two(COMMAND("figure", "read", "'a:text'", "any", "return call:figure('demo.net', { fund = a })"));
    assert_string_equal(
        ask("demo.figure", "DUES", NULL),
        "{\"as_of\":1581300000000,\"basis\":\"DUES/YL//YL0nil\",\"complete\":true,\"denominator\":2,\"name\":\"demo.net\",\"numerator\":1,\"unit\":\"fen\",\"value\":7}");
    assert_non_null(strstr(ask("demo.figure", "bad", NULL), "value must be an integer or a text, is a fraction"));
    assert_non_null(strstr(ask("demo.figure", "more", NULL), "and nothing else"));
}

/* The callee's own time is up: its caller may catch that. The caller's: both die. */
static void nested_time_limits(void **state)
{
    (void)state;
    start_two(
        "['demo.catch'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 5000, summary = 'T.', run = function(call)"
        " local ok, e = pcall(call.invoke, call, 'two.loop') return { ok, e.code, e.rule } end },"
        "['demo.die'] = { mode = 'read', args = {}, returns = 'any', timeout_ms = 30, summary = 'T.', run = function(call)"
        " local ok, e = pcall(call.invoke, call, 'two.loop') return 'survived' end },");
    assert_string_equal(ask("demo.catch", NULL, NULL), "[false,\"TIMEOUT\",\"limit.time\"]");
    assert_string_equal(
        ask("demo.die", NULL, NULL),
        "TIMEOUT limit.time: plugin demo, command demo.die: stopped after its limit of 30 ms; nothing was kept; ask for less at once, or raise timeout_ms in its declaration; it was at init.lua:1");
    assert_string_equal(ask("demo.catch", NULL, NULL), "[false,\"TIMEOUT\",\"limit.time\"]");
}

static int native_hello(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    if (args[0].i < 0)
        return err_rule(err, ERR_STATE, "host.negative", "n", "%s: negative", call->user);
    if (args[0].i == 0)
        return 0; /* writes nothing: a fault */
    reply_array_open(reply);
    for (int64_t i = 0; i < args[0].i; i++)
        reply_int(reply, i);
    reply_close(reply);
    return 0;
}

/* Host commands run through the same door, and Lua may invoke them. */
static void native_commands_run_too(void **state)
{
    (void)state;
    static const struct native_command list[] = {
        {"host.hello", MODE_READ, "n:int", "[int]", "Hello.", "你好", native_hello}, {0}};
    const struct native_command *const lists[] = {list, NULL};
    world_plugin(&world, "demo", "",
                 "return { commands = {" COMMAND("via", "read", "'a:int'", "any",
                                                 "return call:invoke('host.hello', { n = a })") "} }");
    world_start(&world, lists);
    assert_string_equal(ask("host.hello", "3", NULL), "[0,1,2]");
    assert_string_equal(ask("host.hello", "-1", NULL), "STATE host.negative: wang: negative");
    assert_non_null(strstr(ask("host.hello", "0", NULL), "INTERNAL"));
    assert_string_equal(ask("demo.via", "2", NULL), "[0,1]");
    assert_string_equal(ask("demo.via", "-2", NULL), "STATE host.negative: wang: negative");
}

/* require: own modules and the library's, once per state; nothing else. */
static void modules_are_found_by_name(void **state)
{
    (void)state;
    put_file(world.dir, "lib/money.lua", "return { yuan = function(fen) return fen // 100 end }");
    put_file(
        world.dir, "plugins/demo/part.lua",
        "local money = require 'muster.money' return { twice = function(x) return 2 * money.yuan(x) end, fail = function() error('deep') end }");
    put_file(world.dir, "plugins/demo/round.lua", "return require 'demo.turn'");
    put_file(world.dir, "plugins/demo/turn.lua", "return require 'demo.round'");
    start(COMMAND("part", "read", "", "any",
                  "return { require('demo.part').twice(500), require 'demo.part' == require 'demo.part' }")
              COMMAND("deep", "read", "", "any", "require('demo.part').fail()")
                  COMMAND("other", "read", "'a:text'", "any", "return { pcall(require, a) }"));
    assert_string_equal(ask("demo.part", NULL, NULL), "[10,true]");
    assert_string_equal(ask("demo.deep", NULL, NULL), "INTERNAL : plugin demo, part.lua:1: deep");
    assert_non_null(strstr(ask("demo.other", "two.init", NULL), "no module two.init"));
    assert_non_null(strstr(ask("demo.other", "demo.nothing", NULL), "no module demo.nothing"));
    assert_non_null(strstr(ask("demo.other", "../../etc/passwd", NULL), "parts of a-z"));
    assert_non_null(strstr(ask("demo.other", "demo.round", NULL), "in a circle"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(values_come_and_go_by_type),
        TEST(wrong_replies_are_faults_of_the_plugin),
        TEST(lists_with_holes_are_refused),
        TEST(a_reply_too_long_is_refused),
        TEST(call_shows_the_request),
        TEST(refusals_say_everything),
        TEST(faults_name_file_and_line),
        TEST(sql_rows_become_tables),
        TEST(a_failed_statement_dooms_the_command),
        TEST(the_host_is_asked),
        TEST(plugins_call_each_other),
        TEST(a_plugin_may_be_called_back),
        TEST(figures_are_checked),
        TEST(nested_time_limits),
        TEST(native_commands_run_too),
        TEST(modules_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
