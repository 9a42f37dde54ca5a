#include "plugin_fixture.h"

#include "plugin/capsule.h"
#include "plugin/child_spawn.h"
#include "wire/reader.h"

#include <dirent.h>

/* Capsules from a plugin's fault to its replay: made in a small world, played by the program itself, from the
 * environment. */

static struct world world;

static int open_world(void **state)
{
    (void)state;
    world_open(&world);
    capsule_start(world.dir);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    capsule_start(NULL);
    world_close(&world);
    return 0;
}

static const char demo[] =
    "local c = {}\n"
    "local function add(name, mode, args, run)\n"
    "  c['demo.' .. name] = { mode = mode, args = args, returns = 'any', summary = 'T.', run = run }\n"
    "end\n"
    "add('many', 'write', { 'count:int', 'blob:blob?' }, function(call, count, blob)\n"
    "  for i = 1, count do call.db:run('INSERT INTO demo_item(text) VALUES(?)', ('x'):rep(1000)) end\n"
    "  call.db:run('INSERT INTO demo_item(text) VALUES(?)', tostring(call.db:value('SELECT coalesce(?, 0)', blob) == blob))\n"
    "  local n = 0\n"
    "  for _, row in ipairs(call.db:rows('SELECT id, text FROM demo_item')) do n = n + #row.text end\n"
    "  local t = call:setting('word') == 'hello' and {} or nil\n"
    "  return t.x.y + n end)\n"
    "add('say', 'read', { 'text:text' }, function(_, text) error(text, 0) end)\n"
    "add('refuse', 'read', {}, function(call) call:fail('STATE', 'not now') end)\n"
    "add('spin', 'read', {}, function() while true do end end)\n"
    "add('secret', 'read', { 'key!:text' }, function(_, key) error('wrong: ' .. key:sub(1, 6)) end)\n"
    "return { commands = c,\n"
    "  settings = { word = { type = 'text', default = 'hello', summary = 'W.' } },\n"
    "  figures = { ['demo.rows'] = { unit = 'rows', args = {}, summary = 'R.', compute = function(call)\n"
    "    return { value = call.db:value('SELECT count(*) FROM demo_item') + nil } end } } }";

static void start(void)
{
    world_plugin(&world, "demo", "", demo);
    put_file(world.dir, "plugins/demo/migrations/001_item.sql",
             "CREATE TABLE demo_item (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;");
    world_start(&world, NULL);
}

/* What a lane does: run, undo, and look at why it failed. True if a capsule was wanted. */
static bool fail_with(struct remote_task *task, struct call *call, struct err *err)
{
    const struct store_request none = {.at_ms = 1};
    struct buf reply = {0};
    assert_int_equal(store_batch_begin(world.store, NULL), STORE_OK);
    assert_int_equal(store_command_begin(world.store, &none, &reply, NULL), STORE_NEW);
    task->call = call;
    int rv = task->command ? runtime_run(world.runtime, task->command, call, task->args, task->timeout_ms, &reply, err)
                           : runtime_figure(world.runtime, task->figure, call, task->query, task->args, &reply, err);
    assert_true(rv < 0);
    store_command_abort(world.store);
    const bool wanted = capsule_wanted(task, err);
    if (wanted) {
        assert_int_equal(store_command_begin(world.store, &none, &reply, NULL), STORE_NEW);
        capsule_make(capsule_may_listen(task, err) ? world.runtime : NULL, world.registry, task, err);
        store_command_abort(world.store);
    }
    struct value left;
    struct buf keep = {0};
    store_value(world.store, NULL, SLICE("SELECT count(*) FROM demo_item"), NULL, 0, &left, &keep, NULL);
    assert_int_equal(left.i, 0);
    assert_int_equal(store_batch_commit(world.store, NULL), STORE_OK);
    buf_close(&keep);
    buf_close(&reply);
    return wanted;
}

static bool ask(const char *command, const char *a, const char *b)
{
    const struct slice words[] = {slice_of(a), slice_of(b)};
    const struct command *c = registry_command(world.registry, slice_of(command));
    struct bound bound = {0};
    if (args_bind(c->args, c->nargs, c->mode, words, (a != NULL) + (b != NULL), &bound, &world.err) != 0)
        fail_msg("%s", world.err.text);
    struct call call = world_call(&world, c->mode == MODE_WRITE);
    struct remote_task task = {.command = c, .args = bound.values, .timeout_ms = 1000};
    bool wanted = fail_with(&task, &call, &world.err);
    bound_close(&bound);
    return wanted;
}

static int count_files(void)
{
    char **names;
    int count;
    assert_int_equal(capsule_list(world.dir, &names, &count, &world.err), 0);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return count;
}

static void newest_path(char path[400])
{
    char **names;
    int count;
    assert_int_equal(capsule_list(world.dir, &names, &count, &world.err), 0);
    assert_true(count > 0);
    snprintf(path, 400, "%s/capsules/%s", world.dir, names[0]);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void newest(struct capsule *c)
{
    char path[400];
    newest_path(path);
    if (capsule_read(path, c, &world.err) != 0)
        fail_msg("%s", world.err.text);
}

static void play(struct capsule *c, struct capsule_played *p)
{
    char folder[200], lib[200];
    snprintf(folder, sizeof(folder), "%s/plugins/demo", world.dir);
    snprintf(lib, sizeof(lib), "%s/lib", world.dir);
    const struct capsule_place place = {.folder = folder, .lib_dir = lib};
    if (capsule_play(c, &place, p, &world.err) != 0)
        fail_msg("%s", world.err.text);
}

static void play_newest(enum capsule_outcome want, const char *text)
{
    struct capsule c;
    struct capsule_played p;
    newest(&c);
    play(&c, &p);
    if (p.outcome != want || (text && !strstr(p.err.text, text)))
        fail_msg("outcome %d: %s", p.outcome, p.err.text);
    capsule_played_close(&p);
    capsule_close(&c);
}

static void a_fault_is_played_and_mended(void **state)
{
    (void)state;
    start();
    assert_true(ask("demo.many", "count=30",
                    "blob=\xff"
                    "a")); /* more rows than one message has */
    assert_int_equal(count_files(), 1);
    play_newest(CAPSULE_SAME, "init.lua:11");
    char *mended = mem_dup(demo), *bug = strstr(mended, "t.x.y + n");
    memcpy(bug, "n        ", 9);
    put_file(world.dir, "plugins/demo/init.lua", mended);
    free(mended);
    struct capsule c;
    struct capsule_played p;
    newest(&c);
    assert_true(c.count > 30);
    assert_true(slice_is(c.command, "demo.many"));
    assert_true(c.trace.len > 0 && c.short_of.len == 0);
    play(&c, &p);
    assert_int_equal(p.outcome, CAPSULE_SUCCEEDS);
    assert_true(p.other_files);
    assert_string_equal(buf_cstr(&p.reply), ":30004\r\n"); /* "true": the bytes came through */
    capsule_played_close(&p);
    capsule_close(&c);
}

static void a_figure_is_played_too(void **state)
{
    (void)state;
    start();
    const struct figure *figure = registry_figure(world.registry, SLICE("demo.rows"));
    const struct figure_query query = {.scope = "/", .as_of_ms = 5, .unit = "YL"};
    struct call call = world_call(&world, false);
    struct remote_task task = {.figure = figure, .query = &query};
    assert_true(fail_with(&task, &call, &world.err));
    play_newest(CAPSULE_SAME, "attempt to perform arithmetic");
}

static void refusals_and_stops_leave_none(void **state)
{
    (void)state;
    skip_with_late_signals();
    start();
    assert_false(ask("demo.refuse", NULL, NULL));
    assert_false(ask("demo.spin", NULL, NULL));
    assert_int_equal(count_files(), 0);
}

static void what_was_made_of_a_secret_is_masked(void **state)
{
    (void)state;
    start();
    assert_true(ask("demo.secret", "key=swordfish", NULL));
    struct capsule c;
    struct err error = {0};
    newest(&c);
    assert_null(memmem(c.bytes.data, c.bytes.len, "swordf", 6));
    assert_true(reader_error(c.error, &error));
    assert_string_equal(error.text, "plugin demo, init.lua:15: not shown, for its arguments hold a secret");
    assert_true(c.task.len == 0 && c.short_of.len > 0);
    const struct capsule_place place = {.folder = world.dir};
    struct capsule_played p;
    assert_int_equal(capsule_play(&c, &place, &p, &world.err), ERR_STATE);
    capsule_close(&c);
}

/* It would end its process again. */
static void a_crash_is_kept_without_playing(void **state)
{
    (void)state;
    start();
    const struct command *command = registry_command(world.registry, SLICE("demo.say"));
    const struct value arg = value_cstr("Ann");
    struct call call = world_call(&world, false);
    const struct remote_task task = {.command = command, .args = &arg, .call = &call};
    struct capsule c;
    err_rule(&world.err, ERR_INTERNAL, "plugin.crashed", NULL, "its process ended");
    assert_true(capsule_wanted(&task, &world.err));
    assert_false(capsule_may_listen(&task, &world.err));
    capsule_make(NULL, world.registry, &task, &world.err);
    newest(&c);
    assert_true(slice_is(c.args, "{\"text\":\"Ann\"}"));
    assert_true(c.task.len == 0 && slice_is(c.short_of, "it was not run again: it ended its process"));
    capsule_close(&c);
}

static void few_are_made_in_a_minute_and_one_of_each_fault(void **state)
{
    (void)state;
    char text[20];
    int made = 0;
    start();
    assert_true(ask("demo.say", "again", NULL));
    /* The minute may turn meanwhile, but not twice. */
    if (ask("demo.say", "again", NULL)) {
        made++;
        assert_false(ask("demo.say", "again", NULL));
    }
    for (int i = 0; i < 3 * CAPSULE_A_MINUTE; i++) {
        snprintf(text, sizeof(text), "text=%d", i);
        made += ask("demo.say", text, NULL);
    }
    assert_true(made >= CAPSULE_A_MINUTE - 1 && made <= 2 * CAPSULE_A_MINUTE);
    assert_int_equal(count_files(), made + 1);
}

static void the_newest_are_kept(void **state)
{
    (void)state;
    char name[200];
    start();
    for (int i = 0; i < CAPSULE_KEPT + 20; i++) {
        snprintf(name, sizeof(name), "capsules/20200101T%06d.000Z-a.b-1.capsule", i);
        put_file(world.dir, name, "");
    }
    assert_true(ask("demo.say", "again", NULL));
    assert_int_equal(count_files(), CAPSULE_KEPT);
    snprintf(name, sizeof(name), "%s/capsules/20200101T%06d.000Z-a.b-1.capsule", world.dir, CAPSULE_KEPT + 19);
    assert_int_equal(access(name, F_OK), 0);
}

/* What is too long to keep is left out, and the capsule says so. */
static void none_is_longer_than_its_limit(void **state)
{
    (void)state;
    char path[400];
    struct stat st;
    struct capsule c;
    struct capsule_played p;
    start();
    assert_true(ask("demo.many", "count=2000", NULL));
    newest_path(path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > CAPSULE_BYTES_MAX / 2 && st.st_size <= CAPSULE_BYTES_MAX);
    assert_int_equal(st.st_mode & 0777, 0600);
    newest(&c);
    assert_true(c.short_of.len > 0);
    play(&c, &p);
    assert_int_equal(p.outcome, CAPSULE_ASKS);
    assert_int_equal(p.asked, c.count);
    capsule_played_close(&p);
    capsule_close(&c);
}

/* Each byte cut off, and some changed: refused or read, never worse. */
static void damaged_files_are_refused(void **state)
{
    (void)state;
    char path[400], other[400];
    struct capsule c;
    start();
    assert_true(ask("demo.say", "again", NULL));
    newest(&c);
    snprintf(other, sizeof(other), "%s/other", world.dir);
    for (size_t len = 0; len < c.bytes.len; len++) {
        struct capsule cut;
        FILE *f = fopen(other, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(c.bytes.data, 1, len, f), len);
        fclose(f);
        assert_int_equal(capsule_read(other, &cut, &world.err), ERR_ARG);
    }
    for (size_t at = 0; at < c.bytes.len; at++) {
        struct capsule changed;
        FILE *f = fopen(other, "w");
        assert_non_null(f);
        c.bytes.data[at] ^= 1;
        fwrite(c.bytes.data, 1, c.bytes.len, f);
        c.bytes.data[at] ^= 1;
        fclose(f);
        if (capsule_read(other, &changed, &world.err) == 0)
            capsule_close(&changed);
    }
    capsule_close(&c);
    newest_path(path);
    assert_int_equal(capsule_read("/nowhere", &c, &world.err), ERR_IO);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(a_fault_is_played_and_mended),
        WORLD(a_figure_is_played_too),
        WORLD(refusals_and_stops_leave_none),
        WORLD(what_was_made_of_a_secret_is_masked),
        WORLD(a_crash_is_kept_without_playing),
        WORLD(few_are_made_in_a_minute_and_one_of_each_fault),
        WORLD(the_newest_are_kept),
        WORLD(none_is_longer_than_its_limit),
        WORLD(damaged_files_are_refused),
    };
    if (!getenv("MUSTER")) {
        fputs("MUSTER is not set: which program?\n", stderr);
        return 77;
    }
    child_spawn_program(getenv("MUSTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
