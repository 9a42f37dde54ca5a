/* For tests: a data folder, lanes over it, an administrator, and host commands to play with. */
#ifndef MUSTER_TESTS_WORLD_H
#define MUSTER_TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/audit.h"
#include "access/setup.h"
#include "base/clock.h"
#include "base/log.h"
#include "ops/commands.h"
#include "wire/reader.h"
#include "wire/reply.h"
#include "work/lanes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* No test needs all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"

static const char fingerprint[] = "abababababababababababababababababababababababababababababababab";

/* -- commands to play with -- */

static int put(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct value id;
    struct buf keep = {0};
    int rv = store_value(call->store, NULL, SLICE("INSERT INTO t_row(text) VALUES(?) RETURNING id"), args, 1, &id,
                         &keep, err);
    buf_close(&keep);
    if (rv == 1)
        reply_int(reply, id.i);
    return rv < 0 ? rv : 0;
}

static int refuse(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = put(call, args, reply, err);
    return rv ? rv : err_rule(err, ERR_STATE, "t.refused", NULL, "as asked");
}

/* Destroys the transaction: a constraint fails in a statement that says OR ROLLBACK. */
static int destroy(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = put(call, args, reply, err);
    if (rv == 0)
        rv = store_run(call->store, "INSERT OR ROLLBACK INTO t_row(id, text) SELECT max(id), 'again' FROM t_row", NULL,
                       0, err);
    return rv;
}

/* The same, pretending that nothing happened. */
static int destroy_quietly(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct buf scrap = {0};
    struct reply ignored;
    reply_begin(&ignored, &scrap, 1000);
    destroy(call, args, &ignored, err);
    buf_close(&scrap);
    reply_cstr(reply, "all is well");
    return 0;
}

/* Asks for more memory than a plugin's statement may have. */
static int hoard(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    static char text[1000 * 1000];
    memset(text, 'x', sizeof(text));
    const struct value long_one[] = {value_text((struct slice){text, sizeof(text)})};
    struct value n;
    struct buf keep = {0};
    int rv = put(call, args, reply, err);
    if (rv == 0)
        rv = store_value(call->store, "t",
                         SLICE("WITH RECURSIVE n(t) AS (SELECT ? UNION ALL SELECT t FROM n UNION ALL SELECT t FROM n)"
                               " SELECT (SELECT count(*) FROM n) + count(*) FROM t_row"),
                         long_one, 1, &n, &keep, err);
    buf_close(&keep);
    return rv;
}

/* Ends the transaction, and at once. */
static int rollback(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    reply_null(reply);
    return store_run(call->store, "ROLLBACK", NULL, 0, err);
}

static int slow(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)call;
    (void)err;
    const struct timespec ts = {.tv_sec = args[0].i / 1000, .tv_nsec = args[0].i % 1000 * 1000000};
    nanosleep(&ts, NULL);
    reply_null(reply);
    return 0;
}

static int create(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    reply_null(reply);
    return store_run(call->store, "CREATE TABLE t_row(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT", NULL, 0,
                     err);
}

static int count(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct value n;
    struct buf keep = {0};
    int rv =
        store_value(call->store, NULL, SLICE("SELECT count(*) FROM t_row WHERE text = ?"), args, 1, &n, &keep, err);
    buf_close(&keep);
    reply_int(reply, n.i);
    return rv < 0 ? rv : 0;
}

static int who(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    (void)err;
    reply_array_open(reply);
    reply_cstr(reply, call->user);
    reply_cstr(reply, call->lang);
    reply_cstr(reply, call->scope);
    reply_int(reply, call->now_ms);
    reply_close(reply);
    return 0;
}

static const struct native_command toys[] = {
    {"t.put", MODE_WRITE, "text:text", "int", "", "", put},
    {"t.refuse", MODE_WRITE, "text:text", "int", "", "", refuse},
    {"t.destroy", MODE_WRITE, "text:text", "int", "", "", destroy},
    {"t.destroy_quietly", MODE_WRITE, "text:text", "text", "", "", destroy_quietly},
    {"t.hoard", MODE_WRITE, "text:text", "int", "", "", hoard},
    {"t.rollback_read", MODE_READ, "", "nil", "", "", rollback},
    {"t.slow", MODE_WRITE, "ms:int", "nil", "", "", slow},
    {"t.nap", MODE_READ, "ms:int", "nil", "", "", slow},
    {"t.create", MODE_WRITE, "", "nil", "", "", create},
    {"t.count", MODE_READ, "text:text", "int", "", "", count},
    {"t.who", MODE_READ, "", "any", "", "", who},
    {"t.whow", MODE_WRITE, "unit:unit?", "any", "", "", who},
    {0},
};

/* -- a world: a data folder, lanes over it, and an administrator -- */

struct world {
    char folder[64], db[96], lib[96], plugins[96];
    struct registry *registry;
    struct lanes *lanes;
    struct identity *admin;
    int wake; /* eventfd */
    struct err err;
};

static void wake(void *arg)
{
    const struct world *w = arg;
    uint64_t one = 1;
    assert_int_equal(write(w->wake, &one, sizeof(one)), sizeof(one));
}

/* Put the rest of a run again, as a connection would; its replies gather. False: refused, and answered so. */
static bool put_rest(struct world *w, struct run *run)
{
    run->first = run->done;
    if (lanes_put(w->lanes, run) == 0)
        return true;
    const struct err err = {.code = ERR_BUSY, .rule = "put"};
    for (; run->done < run->nrequests; run->done++)
        reply_error(&run->out, &err);
    return false;
}

/* The next finished run. */
static struct run *take(struct world *w)
{
    for (;;) {
        struct run *run = NULL;
        if (lanes_take(w->lanes, &run, 1) == 1) {
            if (run->kind != RUN_COMMANDS || run->done == run->nrequests)
                return run;
            if (!put_rest(w, run))
                return run;
            continue;
        }
        struct pollfd p = {.fd = w->wake, .events = POLLIN};
        if (poll(&p, 1, 20000) != 1)
            fail_msg("no reply in 20 s");
        uint64_t n;
        assert_int_equal(read(w->wake, &n, sizeof(n)), sizeof(n));
    }
}

/* A command line "t.put text=a idem=x" as one request of the run; it is made when NULL is given. */
static struct run *add(struct world *w, struct run *run, struct identity *id, const char *line)
{
    struct slice words[20];
    int n = 0;
    for (const char *at = line; *at;) {
        size_t len = strcspn(at, " ");
        words[n++] = (struct slice){at, len};
        at += len + (at[len] == ' ');
    }
    const struct command *command = registry_command(w->registry, words[0]);
    if (!command)
        fail_msg("no command %s", line);
    if (!run) {
        run = run_new(RUN_COMMANDS, command->mode, w->registry, id);
        run->received_ms = clock_now_ms();
    }
    run_add(run, command, words + 1, n - 1);
    return run;
}

static void submit(struct world *w, struct run *run)
{
    assert_int_equal(lanes_put(w->lanes, run), 0);
}

/* The reply number `index` of a finished run. */
static struct slice reply_at(const struct run *run, int index)
{
    struct slice rest = buf_view(&run->out);
    for (int i = 0;; i++) {
        long len = reader_measure(rest);
        if (len <= 0)
            fail_msg("reply %d is missing in: %.*s", index, (int)run->out.len, run->out.data);
        if (i == index)
            return (struct slice){rest.data, (size_t)len};
        rest = (struct slice){rest.data + len, rest.len - (size_t)len};
    }
}

static int code_of(struct slice reply, struct err *err)
{
    *err = (struct err){0};
    return reader_error(reply, err) ? err->code : 0;
}

static void expect_error(struct slice reply, int code, const char *rule)
{
    struct err err;
    if (code_of(reply, &err) != code || strcmp(err.rule, rule) != 0)
        fail_msg("expected %s %s, got: %.*s", err_token(code), rule, (int)reply.len, reply.data);
}

static int64_t expect_int(struct slice reply)
{
    struct reader r = {reader_strip(reply)};
    struct node node;
    if (reader_next(&r, &node) != 1 || node.type != NODE_INT)
        fail_msg("expected an integer, got: %.*s", (int)reply.len, reply.data);
    return node.i;
}

static void expect_fine(struct slice reply)
{
    struct err err;
    if (code_of(reply, &err))
        fail_msg("refused: %.*s", (int)reply.len, reply.data);
}

/* Send one command and wait; the caller frees the run. */
static struct run *ask_as(struct world *w, struct identity *id, const char *line)
{
    submit(w, add(w, NULL, id, line));
    struct run *run = take(w);
    if (run->fresh && id == w->admin) {
        identity_unref(w->admin);
        w->admin = identity_ref(run->fresh);
    }
    return run;
}

static void must(struct world *w, const char *line)
{
    struct run *run = ask_as(w, w->admin, line);
    expect_fine(reply_at(run, 0));
    run_free(run);
}

static int64_t rows_with(struct world *w, const char *text)
{
    char line[100];
    snprintf(line, sizeof(line), "t.count %s", text);
    struct run *run = ask_as(w, w->admin, line);
    int64_t n = expect_int(reply_at(run, 0));
    run_free(run);
    return n;
}

static struct identity *sign_in(struct world *w, const char *user, const char *secret)
{
    struct run *run = run_new(secret ? RUN_PASSWORD : RUN_CERTIFICATE, MODE_READ, w->registry, NULL);
    if (secret) {
        const struct slice words[] = {slice_of(user), slice_of(secret)};
        run_add(run, NULL, words, 2);
        run->nrequests = 0;
    } else {
        strcpy(run->fingerprint, fingerprint);
    }
    submit(w, run);
    run = take(w);
    w->err = run->err;
    struct identity *id = run->fresh ? identity_ref(run->fresh) : NULL;
    assert_true((run->err.code == 0) == (id != NULL));
    run_free(run);
    return id;
}

/* Folder of plugins to load, below the source folder; NULL: none. */
static const char *world_plugins;

static void load_registry(struct world *w)
{
    static const struct native_command *lists[8];
    int n = 0;
    for (; host_commands[n]; n++)
        lists[n] = host_commands[n];
    lists[n] = toys;
    const struct registry_sources sources = {
        .plugins_dir = world_plugins ? world_plugins : w->plugins, .lib_dir = w->lib, .host = lists};
    if (registry_load(&sources, 1, &w->registry, &w->err) != 0)
        fail_msg("%s", w->err.text);
}

static void make_folder(struct world *w)
{
    memset(w, 0, sizeof(*w));
    strcpy(w->folder, "/tmp/muster-lanes-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->db, sizeof(w->db), "%s/muster.db", w->folder);
    snprintf(w->lib, sizeof(w->lib), "%s/lib", w->folder);
    snprintf(w->plugins, sizeof(w->plugins), "%s/plugins", w->folder);
    assert_int_equal(mkdir(w->lib, 0700), 0);
    assert_int_equal(mkdir(w->plugins, 0700), 0);
    if (setup_administrator(w->db, "admin", fingerprint, &w->err) != 0)
        fail_msg("%s", w->err.text);
    w->wake = eventfd(0, EFD_CLOEXEC);
    load_registry(w);
}

static const struct lanes_options defaults = {.readers = 2, .zone_min = 480};

static int try_start(struct world *w, struct lanes_options o)
{
    o.db_path = w->db;
    o.registry = w->registry;
    o.wake = wake;
    o.arg = w;
    return lanes_start(&o, &w->lanes, &w->err);
}

static void start(struct world *w, struct lanes_options o)
{
    if (try_start(w, o) != 0)
        fail_msg("%s", w->err.text);
    identity_unref(w->admin);
    w->admin = sign_in(w, NULL, NULL);
    assert_non_null(w->admin);
}

static void stop(struct world *w)
{
    lanes_stop(w->lanes);
    lanes_free(w->lanes);
    w->lanes = NULL;
}

static void restart(struct world *w, struct lanes_options o)
{
    stop(w);
    start(w, o);
}

static int set_up(void **state)
{
    struct world *w = malloc(sizeof(*w));
    make_folder(w);
    start(w, defaults);
    must(w, "t.create");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    struct world *w = *state;
    char path[128];
    if (w->lanes)
        stop(w);
    identity_unref(w->admin);
    registry_unref(w->registry);
    close(w->wake);
    rmdir(w->lib);
    rmdir(w->plugins);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

/* The audit chain is whole; returns its length. */
static int64_t audit_rows(struct world *w)
{
    struct run *run = ask_as(w, w->admin, "audit.verify");
    struct reader r = {reply_at(run, 0)};
    struct node key, value;
    int64_t rows = -1;
    bool ok = false, complete = false;
    assert_int_equal(reader_next(&r, &key), 1);
    for (int64_t left = key.count; left > 0; left--) {
        assert_int_equal(reader_next(&r, &key), 1);
        assert_int_equal(reader_next(&r, &value), 1);
        if (slice_is(key.s, "rows"))
            rows = value.i;
        else if (slice_is(key.s, "ok"))
            ok = value.i;
        else if (slice_is(key.s, "complete"))
            complete = value.i;
    }
    assert_true(ok && complete);
    run_free(run);
    return rows;
}

static struct lanes_stats stats(struct world *w)
{
    struct lanes_stats s;
    lanes_stats(w->lanes, &s);
    return s;
}

#endif
