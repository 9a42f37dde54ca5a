#include "plugin/child.h"

#include "base/clock.h"
#include "base/log.h"
#include "plugin/catalog.h"
#include "plugin/child_box.h"
#include "plugin/child_crash.h"
#include "plugin/child_hello.h"
#include "plugin/child_line.h"
#include "plugin/child_spawn.h"
#include "plugin/native.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The lane's side of a plugin's process. A run is RUN, then questions answered one by one, then DONE. A question may
 * come back to this very plugin: then a run is nested in the answering of another one, on the same line.
 *
 * The process is not trusted in anything: messages are bounded and checked, a reply is held against its declared shape,
 * and whatever is wrong ends it. One that does not stop in time is killed a little after its deadline, which is long
 * before the watchdog would take the server for stuck.
 *
 * It is started with the lane's states, so that a plugin that can't be loaded is noticed before it is switched to, and
 * again by the first run after it has ended: at once after the first crash in a while but for a tenth of a second,
 * later after up to a minute. That run waits a tenth of a second for it; one that loads longer is looked at again by the
 * next run. */

enum {
    DEPTH = CALL_DEPTH_MAX + 4,
    LOAD_MS = 10000,
    REVIVE_MS = 100,
    MESSAGE_MS = 1000,
    GRACE_MS = 500,
    LOG_LINES = 100
};
enum { BACKOFF_MS = 100, BACKOFF_MAX_MS = 60000, STEADY_MS = 60000 };
enum { OWN_BYTES = 192 * 1024 * 1024, DESCRIBED_BYTES = 1024 * 1024, MEMORY_MIB = 64 };
/* A line of log is cut at 2 KiB where it is written; around a reply there is little, and an error is short. */
enum { TRACE_BYTES = 16 * 1024, LOG_BYTES = 16 * 1024, FRAME_BYTES = 64 * 1024 };

struct child {
    const struct plugin *plugin;
    struct child_hello hello;
    struct spawned process; /* pid 0: there is none */
    struct line line;
    int status_fd, filters; /* what the kernel tells of it; how many filters it was born under */
    int grace_ms;
    uint64_t started_ns, seen_ns, again_ns; /* when it was started last; known to live; is not started before */
    bool loading;                           /* started, and not ready yet */
    int lines;                              /* of log, while it loads */
    int failures;                           /* in a row */
    int depth;
    struct {
        struct buf message, answer;
        struct remote_cursors cursors;
    } levels[DEPTH];
};

/* -- its life -- */

/* When it has to be ready. */
static uint64_t deadline_of(const struct child *c)
{
    return c->started_ns + (uint64_t)LOAD_MS * 1000000;
}

/* End it for good. How it ended, as text. */
static void bury(struct child *c, char *how, size_t size)
{
    int status = 0;
    if (!c->process.pid)
        return;
    child_spawn_forget(&c->process);
    kill(c->process.pid, SIGKILL); /* one that is dying of something else already dies of that */
    while (waitpid(c->process.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (atomic_load(&c->process.overran))
        snprintf(how, size, "it used too much of the processor, and was killed");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        snprintf(how, size, "it closed its line, or was killed");
    else if (WIFSIGNALED(status))
        snprintf(how, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(how, size, "it ended by itself with status %d", WEXITSTATUS(status));
    line_close(&c->line);
    if (c->status_fd >= 0)
        close(c->status_fd);
    c->process.pid = 0;
    c->loading = false;
}

/* Does a line say itself whose it is, as the lines of plugins inside do: "NAME, " or "NAME: "? */
static bool names_itself(const struct child *c, const char *text, size_t len)
{
    const size_t n = strlen(c->plugin->name);
    return len > n && memcmp(text, c->plugin->name, n) == 0 && (text[n] == ',' || text[n] == ':');
}

/* One line of its log, as it is sent: level, module, NUL, text. Nobody else's name can stand in front of it. */
static void put_log(const struct child *c, const struct buf *message)
{
    const char *end = message->len > 2 ? memchr(message->data + 1, '\0', message->len - 1) : NULL;
    if (!end++)
        return;
    const unsigned char sent = (unsigned char)message->data[0];
    const enum log_level level = sent > LOG_ERROR ? LOG_INFO : (enum log_level)sent;
    const int len = (int)(message->data + message->len - end);
    if (c->plugin && strcmp(message->data + 1, "plugin") == 0 && names_itself(c, end, (size_t)len))
        log_write(level, "plugin", "%.*s", len, end);
    else
        log_write(level, "child", "%s: %.*s", c->plugin ? c->plugin->name : "", len, end);
}

/* As put_log, for the `n`th line of something: of many only the first. */
static void put_some_log(const struct child *c, const struct buf *message, int n)
{
    if (n < LOG_LINES)
        put_log(c, message);
    else if (n == LOG_LINES)
        log_warn("child", "plugin %s: more than %d lines at once; those that follow are left out",
                 c->plugin ? c->plugin->name : "", LOG_LINES);
}

/* The same, kept: as far as there is room for it. */
static void take_trace(const struct buf *message, struct buf *trace)
{
    const char *end = message->len > 2 ? memchr(message->data + 1, '\0', message->len - 1) : NULL;
    if (end && trace->len < TRACE_BYTES)
        buf_append(trace, end + 1, (size_t)(message->data + message->len - end - 1));
}

/* -- starting it: HELLO, then what it says until it is READY, in as many looks as it takes -- */

static int ended_loading(struct child *c, int why, struct err *err)
{
    char how[128] = "";
    bury(c, how, sizeof(how));
    if (why == ERR_TIMEOUT && clock_mono_ns() >= deadline_of(c))
        return err_rule(err, ERR_TIMEOUT, "child.load", NULL, "its process was not ready after %d s", LOAD_MS / 1000);
    if (why != ERR_IO)
        return err_rule(err, ERR_INTERNAL, "child.load", NULL,
                        "its process sent what is no message, or too long a one");
    return err_rule(err, ERR_INTERNAL, "child.load", NULL, "its process ended while it was loaded: %s", how);
}

static int begin_launch(struct child *c, struct err *err)
{
    int fd;
    struct buf hello = {0};
    int rv = child_spawn(&c->process, &fd, err);
    if (rv != 0)
        return rv;
    const size_t reply = c->hello.reply_bytes > 0 ? (size_t)c->hello.reply_bytes + FRAME_BYTES : CHILD_MESSAGE_MAX;
    const size_t may_come[LINE_KINDS] = {[LINE_READY] = DESCRIBED_BYTES + FRAME_BYTES,
                                         [LINE_DONE] = reply,
                                         [LINE_ASK] = CHILD_MESSAGE_MAX,
                                         [LINE_LOG] = LOG_BYTES};
    line_open(&c->line, fd, may_come, false);
    c->status_fd = child_box_open(c->process.pid);
    c->filters = child_box_filters(c->status_fd);
    c->loading = true;
    c->lines = 0;
    c->started_ns = c->seen_ns = clock_mono_ns();
    child_hello_put(&c->hello, &hello);
    rv = line_send(&c->line, LINE_HELLO, buf_view(&hello), deadline_of(c));
    buf_close(&hello);
    return rv ? ended_loading(c, rv, err) : 0;
}

/* Look until `until_ns` whether it is ready. 0 with the message of READY in `said`, 1 when it is not there yet, or an
 * error: then it is buried. */
static int await_ready(struct child *c, uint64_t until_ns, struct buf *said, struct err *err)
{
    enum line_kind kind = LINE_LOG;
    struct err refused = {0};
    const bool last = until_ns >= deadline_of(c);
    int rv = 0;
    while (rv == 0 && kind != LINE_READY) {
        rv = line_wait(&c->line, last ? deadline_of(c) : until_ns);
        if (rv == ERR_TIMEOUT && !last && clock_mono_ns() < deadline_of(c))
            return 1;
        if (rv == 0)
            rv = line_receive(&c->line, &kind, said, clock_mono_ns() + (uint64_t)MESSAGE_MS * 1000000);
        if (rv == 0 && kind == LINE_LOG)
            put_some_log(c, said, c->lines++);
        else if (rv == 0 && kind != LINE_READY)
            rv = ERR_PROTO;
    }
    if (rv != 0)
        return ended_loading(c, rv, err);
    c->loading = false;
    child_spawn_turn(&c->process, CHILD_IDLES);
    if (!reader_error(buf_view(said), &refused))
        return 0;
    char how[128];
    bury(c, how, sizeof(how));
    if (err)
        *err = refused;
    return refused.code;
}

/* It must be the plugin that this registry knows: its files may have changed since. */
static int check_same(const struct child *c, const struct buf *said, struct err *err)
{
    struct reader r = {buf_view(said)};
    struct value hash;
    int64_t count;
    if (remote_take_array(&r, &count) == 0 && count == 1 && remote_take_value(&r, &hash) == 0 &&
        hash.s.len == sizeof(c->plugin->hash) && memcmp(hash.s.data, c->plugin->hash, hash.s.len) == 0)
        return 0;
    return err_rule(err, ERR_STATE, "child.changed", NULL,
                    "plugin %s: its files are not those that were loaded; install it, or start the server, again",
                    c->plugin->name);
}

/* It must have shut itself in: that it says so is not enough. */
static int check_shut_in(const struct child *c, struct err *err)
{
    const int now = child_box_filters(c->status_fd);
    if (c->filters >= 0 && now == c->filters + CHILD_BOX_FILTERS)
        return 0;
    return err_rule(err, ERR_INTERNAL, "child.load", NULL,
                    now < 0 ? "plugin %s: whether its process has shut itself in is not told (Linux 5.10 tells, in "
                              "/proc)"
                            : "plugin %s: its process has not shut itself in",
                    c->plugin->name);
}

/* Start it, or go on looking whether it is ready, until `until_ns`. 0, 1: not yet, or an error: then it is buried. */
static int launch(struct child *c, uint64_t until_ns, struct err *err)
{
    struct buf said = {0};
    struct err why = {0};
    char how[128];
    int rv = c->process.pid ? 0 : begin_launch(c, &why);
    if (rv == 0)
        rv = await_ready(c, until_ns, &said, &why);
    if (rv < 0)
        err_rule(err, rv, why.rule, NULL, "plugin %s: %.500s", c->plugin->name, why.text);
    if (rv == 0 && ((rv = check_shut_in(c, err)) != 0 || (rv = check_same(c, &said, err)) != 0))
        bury(c, how, sizeof(how));
    buf_close(&said);
    return rv;
}

/* Once: an operator should know what the wall of these processes is made of. */
static void warn_of_the_kernel(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    if (child_box_sees_files() && !atomic_flag_test_and_set(&said))
        log_warn("child",
                 "this kernel has no Landlock: while a plugin is loaded into a process of its own, it could read "
                 "what the server's user may read");
}

int child_start(const struct child_options *o, struct child **out, struct err *err)
{
    struct child *c = mem_zalloc(sizeof(*c));
    const int64_t mib = o->plugin->asks.memory_mib > 0 ? o->plugin->asks.memory_mib : MEMORY_MIB;
    c->plugin = o->plugin;
    c->grace_ms = o->limits.grace_ms / 2 < GRACE_MS ? o->limits.grace_ms / 2 : GRACE_MS; /* before the watchdog's */
    c->hello = (struct child_hello){
        .name = o->plugin->name,
        .folder = o->plugin->folder,
        .native_dir = o->native_dir,
        .lib_dir = o->lib_dir,
        /* a Lua state may have three times what it asks for before it is stopped; messages and replies lie beside it */
        .memory_bytes = OWN_BYTES + 3 * mib * 1024 * 1024,
        .soft_bytes = (int64_t)o->limits.soft_bytes,
        .grace_ms = o->limits.grace_ms,
        .reply_bytes = (int64_t)o->limits.reply_bytes,
        .log_level = log_get_level(),
    };
    warn_of_the_kernel();
    int rv = launch(c, UINT64_MAX, err);
    if (rv != 0) {
        child_free(c);
        return rv;
    }
    *out = c;
    return 0;
}

void child_free(struct child *c)
{
    char how[128];
    if (!c)
        return;
    bury(c, how, sizeof(how));
    for (int i = 0; i < DEPTH; i++) {
        buf_close(&c->levels[i].message);
        buf_close(&c->levels[i].answer);
    }
    free(c);
}

int child_pid(const struct child *c)
{
    return c->process.pid;
}

int child_describe(const char *so_path, struct buf *out, struct err *err)
{
    struct child *c = mem_zalloc(sizeof(*c));
    struct buf said = {0};
    struct value text;
    int64_t count;
    char how[128];
    c->hello = (struct child_hello){
        .object = so_path, .memory_bytes = OWN_BYTES + (int64_t)MEMORY_MIB * 1024 * 1024, .log_level = log_get_level()};
    int rv = begin_launch(c, err);
    if (rv == 0)
        rv = await_ready(c, deadline_of(c), &said, err);
    struct reader r = {buf_view(&said)};
    if (rv == 0 && (remote_take_array(&r, &count) != 0 || count != 1 || remote_take_value(&r, &text) != 0 ||
                    text.type != VALUE_TEXT || buf_slice(out, text.s) != 0))
        rv = err_rule(err, ERR_ARG, "native.described", NULL, "%s: its process described it in another form", so_path);
    bury(c, how, sizeof(how));
    child_free(c);
    buf_close(&said);
    return rv;
}

/* -- when it ends -- */

/* How long it stays away, from when it was last known to live. */
static void back_off(struct child *c)
{
    if (clock_mono_ns() - c->started_ns > (uint64_t)STEADY_MS * 1000000)
        c->failures = 0;
    int64_t wait_ms = BACKOFF_MS;
    for (int i = 0; i < c->failures && wait_ms < BACKOFF_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > BACKOFF_MAX_MS)
        wait_ms = BACKOFF_MAX_MS;
    c->failures++;
    c->again_ns = c->seen_ns + (uint64_t)wait_ms * 1000000;
}

/* It has ended; `call` NULL: while it had nothing to do. */
static void note(struct child *c, const struct call *call, const char *how)
{
    struct child_crash crash = {.at_ms = clock_now_ms(), .command = "-", .user = "-"};
    snprintf(crash.plugin, sizeof(crash.plugin), "%s", c->plugin->name);
    snprintf(crash.version, sizeof(crash.version), "%s", c->plugin->version);
    if (call) {
        snprintf(crash.command, sizeof(crash.command), "%s", call->command);
        snprintf(crash.user, sizeof(crash.user), "%s", call->user ? call->user : "");
    }
    snprintf(crash.how, sizeof(crash.how), "%s%s", call ? "" : "while idle: ", how);
    log_error("child", "plugin %s %s, command %s of %s: its process ended: %s", crash.plugin, crash.version,
              crash.command, crash.user, crash.how);
    child_crash_note(&crash);
    back_off(c);
}

/* It is gone, or must go, because of `why`: what the command gets. */
static int lost(struct child *c, const struct remote_task *task, int why, struct err *err)
{
    const struct call *call = task->call;
    const bool late = why == ERR_TIMEOUT || clock_mono_ns() >= call->deadline_ns;
    char how[128] = "";
    if (c->process.pid) {
        bury(c, how, sizeof(how));
        if (late)
            snprintf(how, sizeof(how), "it did not stop at its limit of %d ms and was killed", task->timeout_ms);
        else if (why != ERR_IO)
            snprintf(how, sizeof(how), "it sent what is no message, or too long a one, and was killed");
        c->seen_ns = clock_mono_ns();
        note(c, call, how);
    }
    if (late)
        return err_rule(err, ERR_TIMEOUT, "limit.time", NULL,
                        "command %s: stopped after its limit of %d ms; nothing was kept; ask for less at once",
                        call->command, task->timeout_ms);
    return err_rule(err, ERR_INTERNAL, "plugin.crashed", NULL,
                    "plugin %s, command %s: its process ended: %s; nothing was kept; it is started again",
                    c->plugin->name, call->command, how[0] ? how : "in a call from inside");
}

/* Between commands it has nothing to say. One that ended meanwhile is started again before anything is asked of it; so
 * is one that did say something, which would pass for the reply to the next command. */
static void look_after(struct child *c)
{
    struct buf *message = &c->levels[0].message;
    enum line_kind kind;
    char how[128] = "";
    if (!c->process.pid || c->loading || line_wait(&c->line, 0) == ERR_TIMEOUT)
        return;
    const int rv = line_receive(&c->line, &kind, message, 1);
    bury(c, how, sizeof(how));
    note(c, NULL, rv == ERR_IO ? how : "it spoke without being asked, and was killed");
}

/* The lane has other things to do than to wait for one that takes long to load: it is looked at again by the next run. */
static int revive(struct child *c, struct err *err)
{
    const uint64_t now = clock_mono_ns();
    struct err why = {0};
    /* One that has ended below its own command stays away until that command has ended, too. */
    const bool may = c->depth == 0 && (c->loading || now >= c->again_ns);
    if (may && launch(c, now + (uint64_t)REVIVE_MS * 1000000, &why) == 0)
        return 0;
    if (why.code != 0) {
        log_error("child", "%s", why.text);
        c->seen_ns = clock_mono_ns();
        back_off(c);
    }
    const int wait_ms = c->again_ns > now ? (int)((c->again_ns - now) / 1000000) + 1 : BACKOFF_MS;
    return err_rule(err, ERR_BUSY, "plugin.restarting", NULL,
                    "plugin %s: its process has ended and is started again; send it again in %d ms", c->plugin->name,
                    wait_ms);
}

/* -- running -- */

/* Some codes mean something to the connection; a plugin has no say in these. */
static bool may_say(int code)
{
    return code != ERR_PROTO && code != ERR_NOAUTH && code != ERR_WRONGPASS && code != ERR_UNKNOWN &&
           code != ERR_NOCOMMAND;
}

static int check_reply(const struct remote_task *task, struct slice reply, struct err *err)
{
    static const struct shape fields[] = {
        {.type = SHAPE_TEXT, .name = "name"},     {.type = SHAPE_ANY, .name = "value"},
        {.type = SHAPE_TEXT, .name = "unit"},     {.type = SHAPE_BOOL, .name = "complete"},
        {.type = SHAPE_INT, .name = "numerator"}, {.type = SHAPE_INT, .name = "denominator"},
        {.type = SHAPE_TEXT, .name = "basis"},    {.type = SHAPE_INSTANT, .name = "as_of"},
    };
    static const struct shape figure = {.type = SHAPE_MAP, .items = fields, .count = 8};
    return shape_fits(task->command ? task->command->returns : &figure, reply, err);
}

static int conclude(struct child *c, const struct remote_task *task, struct slice message, struct buf *out,
                    struct err *err)
{
    const size_t before = out->len;
    struct err said = {0};
    int rv = remote_take_result(message, (size_t)c->hello.reply_bytes, out, &said);
    if (rv == ERR_PROTO && said.code == 0)
        return lost(c, task, rv, err);
    if (rv != 0 && !may_say(rv))
        rv = err_set(&said, ERR_INTERNAL, "plugin %s, command %s: it failed in a way that it can't", c->plugin->name,
                     task->call->command);
    if (rv == 0)
        rv = check_reply(task, (struct slice){out->data + before, out->len - before}, &said);
    if (rv == 0)
        return 0;
    buf_truncate(out, before);
    if (err)
        *err = said;
    return rv;
}

/* A pure command has nothing to ask: what the interface refuses inside, nobody refuses in the process but here. */
static int refuse_all(const struct call *call, struct buf *reply)
{
    struct err err = {0};
    err_set(&err, ERR_INTERNAL, "plugin %s, command %s: a pure command may not ask the host", call->plugin,
            call->command);
    reply_error(reply, &err);
    return 0;
}

/* Answer one question. 0, or what is wrong. */
static int answer(struct child *c, const struct remote_task *task, int depth, uint64_t deadline)
{
    struct buf *message = &c->levels[depth].message, *reply = &c->levels[depth].answer;
    buf_clear(reply);
    const bool pure = task->command && task->command->pure;
    int rv = pure           ? refuse_all(task->call, reply)
             : task->answer ? task->answer(task->answer_arg, buf_view(message), reply)
                            : remote_serve(task->call, &c->levels[depth].cursors, buf_view(message), reply);
    if (rv == 0 && !c->process.pid)
        return ERR_IO; /* it was called back, and ended there */
    if (rv == 0 && task->heard)
        task->heard(task->heard_arg, buf_view(message), buf_view(reply));
    return rv ? rv : line_send(&c->line, LINE_ANSWER, buf_view(reply), deadline);
}

static int converse(struct child *c, const struct remote_task *task, int depth, struct buf *out, struct err *err)
{
    const uint64_t deadline = task->call->deadline_ns + (uint64_t)c->grace_ms * 1000000;
    struct buf *message = &c->levels[depth].message;
    enum line_kind kind;
    int lines = 0;
    buf_clear(message);
    remote_put_task(task, message);
    int rv = line_send(&c->line, LINE_RUN, buf_view(message), deadline);
    while (rv == 0) {
        rv = line_receive(&c->line, &kind, message, deadline);
        if (rv != 0)
            break;
        if (kind == LINE_DONE)
            return conclude(c, task, buf_view(message), out, err);
        if (kind == LINE_ASK)
            rv = answer(c, task, depth, deadline);
        else if (kind == LINE_LOG && task->trace)
            take_trace(message, task->trace);
        else if (kind == LINE_LOG)
            put_some_log(c, message, lines++);
        else
            rv = ERR_PROTO;
        if (rv == 0 && clock_mono_ns() >= deadline)
            rv = ERR_TIMEOUT;
    }
    return lost(c, task, rv, err);
}

int child_run(struct child *c, const struct remote_task *task, struct buf *out, struct err *err)
{
    if (c->depth == 0)
        look_after(c);
    int rv = c->process.pid && !c->loading ? 0 : revive(c, err);
    if (rv != 0)
        return rv;
    if (c->depth == DEPTH)
        return err_rule(err, ERR_LIMIT, "limit.depth", NULL, "calls between plugins nest at most %d deep",
                        CALL_DEPTH_MAX);
    const int depth = c->depth++;
    if (depth == 0)
        child_spawn_turn(&c->process, CHILD_RUNS);
    rv = converse(c, task, depth, out, err);
    if (depth == 0)
        child_spawn_turn(&c->process, CHILD_IDLES);
    store_remote_close_all(&c->levels[depth].cursors);
    buf_clear(&c->levels[depth].message);
    buf_clear(&c->levels[depth].answer);
    c->depth--;
    c->seen_ns = clock_mono_ns();
    return rv;
}
