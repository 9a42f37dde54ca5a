/* For tests: one plugin in two versions, whose commands read tables of different names, and host commands that go from
 * one to the other. Generation n runs version 1 when n is odd and version 2 when it is even; the database says n, too. */
#ifndef MUSTER_TESTS_FLIP_H
#define MUSTER_TESTS_FLIP_H

#include "world.h"

#include "work/calls.h"

static const char *const flip_names[] = {"even", "odd"};

static int flip_version(int64_t generation)
{
    return generation % 2 ? 1 : 2;
}

/* -- the plugin -- */

static const char flip_manifest[] = "return { name = 'flip', version = '%d.0.0', api = 1, requires = {},\n"
                                    "  summary = { en = 'Says who it is.', ['zh-CN'] = '自报版本' } }\n";

static const char flip_init[] =
    "local VERSION <const>, NAME <const>, OTHER <const> = %d, '%s', '%s'\n"
    "local SUMMARY <const> = { en = 'Says who it is.', ['zh-CN'] = '自报版本' }\n"
    "local function command(mode, args, returns, run)\n"
    "  return { mode = mode, args = args, returns = returns, summary = SUMMARY, run = run }\n"
    "end\n"
    "local function state(call)\n"
    "  return { VERSION, call.db:value('SELECT n FROM flip_' .. NAME .. '_now'),\n"
    "    call.db:value('SELECT count(*) FROM flip_' .. NAME .. '_row') }\n"
    "end\n"
    "return { commands = {\n"
    "  ['flip.read'] = command('read', {}, '[int]', state),\n"
    "  ['flip.put'] = command('write', { 'text:text' }, '[int]', function(call, text)\n"
    "    call.db:run('INSERT INTO flip_' .. NAME .. '_row(text) VALUES(?)', text)\n"
    "    return state(call)\n"
    "  end),\n"
    "  ['flip.word'] = command('read', { NAME .. ':int' }, '[int]', function(call) return state(call) end),\n"
    "  ['flip.turn'] = command(VERSION == 1 and 'read' or 'write', {}, '[int]', state),\n"
    "  ['flip.only' .. VERSION] = command('read', {}, '[int]', state),\n"
    "  ['flip.sneak'] = command('write', { 'n:int' }, 'bool', function(call, n)\n"
    "    return (pcall(call.invoke, call, 't.activate', { n = n }))\n"
    "  end),\n"
    "} }\n";

static char flip_folders[2][80]; /* by generation % 2: a folder of plugins each */

static void flip_file(const char *folder, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void flip_make(int odd)
{
    char plugin[160], text[sizeof(flip_init) + 100];
    strcpy(flip_folders[odd], "/tmp/muster-flip-XXXXXX");
    assert_non_null(mkdtemp(flip_folders[odd]));
    snprintf(plugin, sizeof(plugin), "%s/flip", flip_folders[odd]);
    assert_int_equal(mkdir(plugin, 0700), 0);
    const int version = flip_version(odd);
    snprintf(text, sizeof(text), flip_manifest, version);
    flip_file(plugin, "manifest.lua", text);
    snprintf(text, sizeof(text), flip_init, version, flip_names[odd], flip_names[!odd]);
    flip_file(plugin, "init.lua", text);
}

static void flip_remove(int odd)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/flip/manifest.lua", flip_folders[odd]);
    unlink(path);
    snprintf(path, sizeof(path), "%s/flip/init.lua", flip_folders[odd]);
    unlink(path);
    snprintf(path, sizeof(path), "%s/flip", flip_folders[odd]);
    rmdir(path);
    assert_int_equal(rmdir(flip_folders[odd]), 0);
}

/* -- commands of the host -- */

static int flip_registry(int64_t generation, struct registry **out, struct err *err);

/* Generation 0: withdraw what was offered. */
static int stage(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct lanes *l = calls_of(call)->lanes;
    struct registry *registry = NULL;
    struct generation *g = NULL;
    int rv = args[0].i ? flip_registry(args[0].i, &registry, err) : 0;
    if (rv == 0 && registry)
        rv = lanes_prepare(l, registry, &g, err);
    if (rv == 0)
        lanes_offer(l, g);
    registry_unref(registry);
    reply_int(reply, args[0].i);
    return rv;
}

static int begin_flip(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    reply_null(reply);
    int rv = store_run(call->store, "CREATE TABLE flip_odd_now(n INTEGER NOT NULL) STRICT", NULL, 0, err);
    if (rv == 0)
        rv = store_run(call->store, "CREATE TABLE flip_odd_row(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
                       NULL, 0, err);
    return rv ? rv : store_run(call->store, "INSERT INTO flip_odd_now(n) VALUES(1)", NULL, 0, err);
}

static int rename_table(struct store *s, int64_t to, const char *what, struct err *err)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "ALTER TABLE flip_%s_%s RENAME TO flip_%s_%s", flip_names[(to + 1) % 2], what,
             flip_names[to % 2], what);
    return store_run(s, sql, NULL, 0, err);
}

static int activate(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const int64_t n = args[0].i;
    char sql[100];
    snprintf(sql, sizeof(sql), "UPDATE flip_%s_now SET n = ?", flip_names[n % 2]);
    int rv = call_switch(call, n, err);
    if (rv == 0 && !call_offered(call, n))
        rv = err_set(err, ERR_INTERNAL, "offered and not offered");
    if (rv == 0)
        rv = rename_table(call->store, n, "now", err);
    if (rv == 0)
        rv = rename_table(call->store, n, "row", err);
    if (rv == 0)
        rv = store_run(call->store, sql, args, 1, err);
    reply_int(reply, n);
    return rv;
}

static int activate_refused(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = activate(call, args, reply, err);
    return rv ? rv : err_rule(err, ERR_STATE, "t.refused", NULL, "as asked");
}

static int activate_destroyed(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = activate(call, args, reply, err);
    return rv ? rv
              : store_run(call->store, "INSERT OR ROLLBACK INTO t_row(id, text) VALUES(1, 'a'), (1, 'b')", NULL, 0,
                          err);
}

/* The generation in the newest row of the audit chain. */
static int audited(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    struct value n;
    struct buf keep = {0};
    int rv = store_value(call->store, NULL, SLICE("SELECT generation FROM muster_audit ORDER BY id DESC LIMIT 1"), NULL,
                         0, &n, &keep, err);
    buf_close(&keep);
    reply_int(reply, n.i);
    return rv < 0 ? rv : 0;
}

/* Ask another lane, as the host, for one command with at most one argument. */
static int ask_lane(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct slice words[] = {args[0].s, args[1].s};
    struct buf answer = {0};
    int rv = lanes_ask(calls_of(call)->lanes, words, args[1].type == VALUE_NULL ? 1 : 2, &answer, err);
    if (rv == 0)
        reply_text(reply, buf_view(&answer));
    buf_close(&answer);
    return rv;
}

/* Until it is told to stop. */
static int slumber(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const uint64_t until = clock_mono_ns() + (uint64_t)args[0].i * 1000000;
    while (clock_mono_ns() < until) {
        if (lanes_stopping(calls_of(call)->lanes))
            return err_rule(err, ERR_BUSY, "t.stopped", NULL, "woken");
        const struct timespec ts = {.tv_nsec = 1000000};
        nanosleep(&ts, NULL);
    }
    reply_null(reply);
    return 0;
}

static const struct native_command flips[] = {
    {"t.stage", MODE_SLOW, "n:int", "int", "", "", stage},
    {"t.ask", MODE_SLOW, "command:text word:text?", "text", "", "", ask_lane},
    {"t.slumber", MODE_SLOW, "ms:int", "nil", "", "", slumber},
    {"t.begin", MODE_WRITE, "", "nil", "", "", begin_flip},
    {"t.activate", MODE_WRITE, "n:int", "int", "", "", activate},
    {"t.activate_refused", MODE_WRITE, "n:int", "int", "", "", activate_refused},
    {"t.activate_destroyed", MODE_WRITE, "n:int", "int", "", "", activate_destroyed},
    {"t.audited", MODE_READ, "", "int", "", "", audited},
    {0},
};

static int flip_registry(int64_t generation, struct registry **out, struct err *err)
{
    const struct native_command *lists[16] = {0};
    int n = 0;
    for (; host_commands[n]; n++)
        lists[n] = host_commands[n];
    assert_true(n < 13);
    lists[n++] = toys;
    lists[n] = flips;
    const struct registry_sources sources = {.plugins_dir = flip_folders[generation % 2], .host = lists};
    return registry_load(&sources, generation, out, err);
}

/* -- replies -- */

/* What the plugin says of itself: [version, generation, rows]. */
struct flip_reply {
    int64_t version, generation, rows;
};

static struct flip_reply flip_state(struct slice reply)
{
    struct reader r = {reader_strip(reply)};
    struct node node;
    int64_t n[3];
    if (reader_next(&r, &node) != 1 || node.type != NODE_ARRAY || node.count != 3)
        fail_msg("expected a state, got: %.*s", (int)reply.len, reply.data);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reader_next(&r, &node), 1);
        assert_int_equal(node.type, NODE_INT);
        n[i] = node.i;
    }
    /* Code and data of one generation: otherwise the switch was not whole. */
    if (n[0] != flip_version(n[1]))
        fail_msg("version %lld answers with the data of generation %lld", (long long)n[0], (long long)n[1]);
    return (struct flip_reply){n[0], n[1], n[2]};
}

#endif
