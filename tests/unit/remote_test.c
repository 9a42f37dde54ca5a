#include "plugin_fixture.h"

#include "plugin/remote.h"
#include "wire/reader.h"

/* A plugin and its host as two sides of a line, both in this process: the plugin's side is a registry of that plugin
 * alone, with a runtime of its own on a thread of its own, as a process would be. */

static struct world world;

struct far {
    struct registry *registry;
    struct runtime *rt;
    struct remote_side *side;
    struct remote_line line;
    struct call *call; /* the host's */
    struct remote_cursors cursors;
    int asked;
    const char *lie; /* what the host answers, if not the truth */
};

static struct far far_side;

static int ask_host(void *arg, struct slice message, struct buf *answer, struct err *err)
{
    struct far *f = arg;
    (void)err;
    f->asked++;
    if (f->lie)
        return buf_text(answer, f->lie);
    assert_int_equal(remote_serve(f->call, &f->cursors, message, answer), 0);
    return 0;
}

static int open_world(void **state)
{
    (void)state;
    far_side = (struct far){0};
    world_open(&world);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    remote_side_free(far_side.side);
    runtime_free(far_side.rt);
    registry_unref(far_side.registry);
    world_close(&world);
    return 0;
}

static void start(const char *name)
{
    char plugins[200], lib[200];
    world_start(&world, NULL);
    snprintf(plugins, sizeof(plugins), "%s/plugins", world.dir);
    snprintf(lib, sizeof(lib), "%s/lib", world.dir);
    const struct registry_sources sources = {.plugins_dir = plugins, .lib_dir = lib, .alone = name};
    far_side = (struct far){.line = {ask_host, &far_side}};
    if (registry_load(&sources, 1, &far_side.registry, &world.err) != 0)
        fail_msg("%s", world.err.text);
    far_side.side = remote_side_new(far_side.registry, &far_side.line);
    if (runtime_new(far_side.registry, NULL, &far_side.rt, &world.err) != 0 ||
        runtime_attach(far_side.rt, remote_side_store(far_side.side), &world.err) != 0)
        fail_msg("%s", world.err.text);
}

/* Run a task on the far side. */
static int run_far(struct remote_task *task, struct buf *reply, struct err *err)
{
    struct buf message = {0}, result = {0};
    struct call *before = far_side.call;
    remote_put_task(task, &message);
    far_side.call = task->call;
    remote_run(far_side.side, far_side.rt, &message, &result);
    far_side.call = before;
    store_remote_close_all(&far_side.cursors);
    int rv = remote_take_result(buf_view(&result), 1 << 20, reply, err);
    buf_close(&message);
    buf_close(&result);
    return rv;
}

/* As world_ask, but on the far side. */
static const char *ask(const char *command, const char *a, const char *b)
{
    const struct slice words[] = {slice_of(a), slice_of(b)};
    const struct command *c = registry_command(world.registry, slice_of(command));
    struct store_request request = {.at_ms = 1};
    struct bound bound = {0};
    struct buf reply = {0};
    struct err err = {0};
    if (args_bind(c->args, c->nargs, c->mode, words, (a != NULL) + (b != NULL), &bound, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(store_batch_begin(world.store, NULL), STORE_OK);
    assert_int_equal(store_command_begin(world.store, &request, &reply, NULL), STORE_NEW);
    struct call call = world_call(&world, c->mode == MODE_WRITE);
    call.plugin = c->plugin;
    call.command = c->name;
    struct remote_task task = {.command = c, .args = bound.values, .call = &call, .timeout_ms = 1000};
    int rv = run_far(&task, &reply, &err);
    if (rv == 0)
        assert_int_equal(store_command_end(world.store, &request, buf_view(&reply), NULL), 0);
    else
        store_command_abort(world.store);
    assert_int_equal(store_batch_commit(world.store, NULL), STORE_OK);
    buf_clear(&world.out);
    if (rv == 0)
        assert_int_equal(render_json(buf_view(&reply), &world.out), 0);
    else
        buf_fmt(&world.out, "%s %s: %s", err_token(err.code), err.rule, err.text);
    bound_close(&bound);
    buf_close(&reply);
    return buf_cstr(&world.out);
}

static void put_demo(void)
{
    world_plugin(&world, "other", "",
                 "local function twice(call, text)\n"
                 "  if text == 'no' then call:fail('POLICY', 'not %s', text) end\n"
                 "  return text .. text\n"
                 "end\n"
                 "return { commands = { ['other.twice'] = { mode = 'read', args = { 'text:text' }, returns = 'text',\n"
                 "  summary = 'T.', run = twice } } }");
    world_plugin(
        &world, "demo", "requires = { 'other' }",
        "local c = {}\n"
        "local function add(name, mode, args, run)\n"
        "  c['demo.' .. name] = { mode = mode, args = args, returns = 'any', summary = 'T.', run = run }\n"
        "end\n"
        "add('facts', 'read', {}, function(call)\n"
        "  return { call.now, call.user, call.person, call.lang, call.scope, call.zone_min, call.today } end)\n"
        "add('put', 'write', { 'text:text', 'data:json?' }, function(call, text, data)\n"
        "  call.db:run('INSERT INTO demo_item(text, data) VALUES(?, ?)', text, data and muster.json.encode(data))\n"
        "  return call.db:value('SELECT count(*) FROM demo_item') end)\n"
        "add('list', 'read', {}, function(call) return call.db:rows('SELECT text, data FROM demo_item') end)\n"
        "add('twice', 'read', { 'text:text' }, function(call, text)\n"
        "  local ok, e = pcall(call.invoke, call, 'other.twice', { text = text })\n"
        "  return ok and e or { e.code, e.text } end)\n"
        "add('host', 'write', {}, function(call) call:emit('t', { n = 1 })\n"
        "  return { call:next('s'), call:setting('word'), call:figure('demo.rows').value } end)\n"
        "add('bug', 'read', {}, function() local t return t.x end)\n"
        "add('refuse', 'read', {}, function(call) call:fail('STATE', { rule = 'demo.now' }, 'not %s', 'now') end)\n"
        "add('spin', 'read', {}, function() while true do end end)\n"
        "return { commands = c,\n"
        "  settings = { word = { type = 'text', default = 'hello', summary = 'W.' } },\n"
        "  figures = { ['demo.rows'] = { unit = 'rows', args = {}, summary = 'R.', compute = function(call)\n"
        "    return { value = call.db:value('SELECT count(*) FROM demo_item') } end } } }");
    put_file(world.dir, "plugins/demo/migrations/001_item.sql",
             "CREATE TABLE demo_item (id INTEGER PRIMARY KEY, text TEXT NOT NULL, data TEXT) STRICT;");
}

static void a_plugin_does_not_notice_the_line(void **state)
{
    (void)state;
    put_demo();
    start("demo");
    static const char *const rows[][3] = {
        {"demo.facts", NULL, NULL}, {"demo.put", "一", "data={\"a\":[1]}"},
        {"demo.list", NULL, NULL},  {"demo.twice", "ab", NULL},
        {"demo.twice", "no", NULL}, {"demo.host", NULL, NULL},
        {"demo.bug", NULL, NULL},   {"demo.refuse", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *far_answer = mem_dup(ask(rows[i][0], rows[i][1], rows[i][2]));
        if (strcmp(rows[i][0], "demo.put") == 0) {
            assert_string_equal(far_answer, "1");
        } else if (strcmp(rows[i][0], "demo.host") == 0) {
            assert_string_equal(far_answer, "[1,\"hello\",1]");
            assert_string_equal(buf_cstr(&world.emitted), "t {\"n\":1}\n");
        } else {
            assert_string_equal(far_answer, world_ask(&world, rows[i][0], rows[i][1], rows[i][2], NULL));
        }
        free(far_answer);
    }
}

static void a_figure_is_computed_there(void **state)
{
    (void)state;
    put_demo();
    start("demo");
    const struct figure *figure = registry_figure(world.registry, SLICE("demo.rows"));
    struct call call = world_call(&world, false);
    const struct figure_query query = {.scope = "/", .as_of_ms = 5, .unit = "YL"};
    struct buf reply = {0}, json = {0};
    call.plugin = "demo";
    call.command = "demo.rows";
    assert_int_equal(store_read_begin(world.store, NULL), STORE_OK);
    struct remote_task task = {.figure = figure, .query = &query, .call = &call, .timeout_ms = 1000};
    assert_int_equal(run_far(&task, &reply, &world.err), 0);
    store_read_end(world.store);
    assert_int_equal(render_json(buf_view(&reply), &json), 0);
    assert_string_equal(buf_cstr(&json), "{\"name\":\"demo.rows\",\"value\":0,\"unit\":\"rows\",\"complete\":true,"
                                         "\"numerator\":null,\"denominator\":null,\"basis\":null,\"as_of\":5}");
    buf_close(&reply);
    buf_close(&json);
}

static void a_script_stops_there_by_itself(void **state)
{
    (void)state;
    skip_with_late_signals();
    put_demo();
    start("demo");
    const char *answer = ask("demo.spin", NULL, NULL);
    assert_ptr_equal(strstr(answer, "TIMEOUT limit.time"), answer);
}

static void an_answer_that_makes_no_sense_is_a_fault(void **state)
{
    (void)state;
    static const char *const lies[] = {"", "*0\r\n", ":1\r\n", "*2\r\n:1\r\n:2\r\n", "*1\r\n%1\r\n:1\r\n:1\r\n", "$1"};
    put_demo();
    start("demo");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        far_side.lie = lies[i];
        const char *answer = ask("demo.host", NULL, NULL);
        if (strncmp(answer, "INTERNAL", 8) != 0)
            fail_msg("%s: %s", lies[i], answer);
        answer = ask("demo.list", NULL, NULL);
        if (strncmp(answer, "INTERNAL", 8) != 0)
            fail_msg("%s: %s", lies[i], answer);
    }
}

static void strange_messages_are_refused_and_strange_results(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "",
        "*1\r\n",
        "*1\r\n$6\r\ninvoke\r\n",
        "*2\r\n$4\r\nnext\r\n:1\r\n",
        "*1\r\n$4\r\nnope\r\n",
        "*3\r\n$6\r\ninvoke\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*2\r\n$4\r\nemit\r\n$1\r\na\r\n",
    };
    static const char *const results[] = {
        "",
        "*0\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "*1\r\n",
        ":1\r\n",
        "*1\r\n:1\r\n:2\r\n",
        "*1\r\n~1\r\n:1\r\n",
        /* Who reads these is told of a refusal, or of a word of the connection; a reply is a value. */
        "*1\r\n-STATE no: it was kept\r\n",
        "*1\r\n*2\r\n:1\r\n-NOAUTH sign in\r\n",
        "*1\r\n+OK\r\n",
        "*1\r\n%1\r\n$1\r\na\r\n+OK\r\n",
    };
    put_demo();
    start("demo");
    struct call call = world_call(&world, true);
    struct remote_cursors cursors = {0};
    struct buf out = {0};
    call.plugin = "demo";
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (remote_serve(&call, &cursors, slice_of(messages[i]), &out) != ERR_PROTO || out.len != 0)
            fail_msg("message %zu", i);
    }
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (remote_take_result(slice_of(results[i]), 100, &out, &world.err) != ERR_PROTO || out.len != 0)
            fail_msg("result %zu", i);
    }
    assert_int_equal(remote_take_result(SLICE("*1\r\n$9\r\nabcdefghi\r\n"), 5, &out, &world.err), ERR_TOOBIG);
    assert_int_equal(remote_take_result(SLICE("-STATE a.b: c\r\n"), 5, &out, &world.err), ERR_STATE);
    assert_string_equal(world.err.rule, "a.b");
    buf_close(&out);
}

/* Put a question of these texts together; `count` times the last two. */
static void put_question(struct buf *message, const char *word, struct slice a, struct slice b, int count)
{
    struct reply r;
    buf_clear(message);
    reply_begin(&r, message, 0);
    reply_array_open(&r);
    reply_cstr(&r, word);
    reply_text(&r, a);
    for (int i = 0; i < count; i++) {
        reply_text(&r, b);
        if (strcmp(word, "emit") != 0)
            reply_text(&r, b);
    }
    reply_close(&r);
    assert_int_equal(reply_finish(&r), 0);
}

/* What a client sent may reach these questions. However long or wrong their texts are, whoever is asked refuses them,
 * in the same words as for a plugin inside. */
static void names_are_the_hosts_to_refuse(void **state)
{
    (void)state;
    put_demo();
    start("demo");
    struct buf mib = {0}, message = {0}, out = {0};
    buf_reserve(&mib, 9 << 20);
    memset(mib.data, 'x', mib.len = 9 << 20);
    const struct slice name = {mib.data, 300}, odd = SLICE("\xff\xff"), payload = buf_view(&mib);
    const struct {
        const char *word;
        struct slice a, b;
        int count, code; /* 0: it is taken */
    } rows[] = {
        {"next", name, odd, 0, 0},
        {"next", odd, odd, 0, 0},
        {"setting", name, odd, 0, ERR_INTERNAL},
        {"setting", odd, odd, 0, ERR_INTERNAL},
        {"unit_path", name, odd, 0, ERR_NOTFOUND},
        {"unit_path", odd, odd, 0, ERR_NOTFOUND},
        {"emit", name, odd, 1, 0},
        {"emit", odd, payload, 1, 0},
        {"invoke", name, odd, 1, ERR_NOCOMMAND},
        {"invoke", odd, name, 1, ERR_NOCOMMAND},
        {"invoke", odd, name, 65, ERR_NOCOMMAND},
        {"invoke", odd, payload, 1, ERR_NOCOMMAND},
        {"invoke", odd, odd, 2000, ERR_LIMIT},
        {"ask", name, odd, 0, ERR_NOTFOUND},
    };
    struct call call = world_call(&world, true);
    struct remote_cursors cursors = {0};
    call.plugin = "demo";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_question(&message, rows[i].word, rows[i].a, rows[i].b, rows[i].count);
        buf_clear(&out);
        struct err err = {0};
        if (remote_serve(&call, &cursors, buf_view(&message), &out) != 0)
            fail_msg("row %zu is taken for no message", i);
        reader_error(buf_view(&out), &err);
        if (err.code != rows[i].code)
            fail_msg("row %zu: %s %s: %s", i, err_token(err.code), err.rule, err.text);
    }
    buf_close(&mib);
    buf_close(&message);
    buf_close(&out);
}

/* What the far side is told to run, it checks as well. */
static void a_task_that_it_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const tasks[] = {"", "*2\r\n$3\r\nrun\r\n$9\r\ndemo.nope\r\n", ":1\r\n"};
    put_demo();
    start("demo");
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
        struct buf message = {0}, result = {0};
        buf_text(&message, tasks[i]);
        remote_run(far_side.side, far_side.rt, &message, &result);
        assert_true(reader_error(buf_view(&result), &world.err));
        assert_int_equal(world.err.code, ERR_INTERNAL);
        buf_close(&message);
        buf_close(&result);
    }
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_plugin_does_not_notice_the_line),
        WORLD(a_figure_is_computed_there),
        WORLD(a_script_stops_there_by_itself),
        WORLD(an_answer_that_makes_no_sense_is_a_fault),
        WORLD(strange_messages_are_refused_and_strange_results),
        WORLD(names_are_the_hosts_to_refuse),
        WORLD(a_task_that_it_does_not_know_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
