#include "plugin/child.h"

#include "base/log.h"
#include "plugin/child_box.h"
#include "plugin/child_hello.h"
#include "plugin/child_line.h"
#include "plugin/native.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The process of one plugin: the same runtime as in a lane, with nothing else in its registry, above a line instead of
 * a database. First it is told what to load (HELLO); then it shuts itself in, loads, shuts itself in further, says that
 * it is ready, and runs what it is told until nobody is there any more.
 *
 * It has two threads, this one and the watchdog, which stops a script here as it does in the server. */

enum { LINE_FD = 3, FOLDER_BYTES = 1200 };

static struct line line;
static _Thread_local bool speaks; /* the line is this thread's; what the watchdog has to say is seen from outside */

struct process {
    struct registry *registry;
    struct runtime *rt;
    struct remote_side *side;
    struct buf message, result;
    int depth;
};

static void send_log(enum log_level level, const char *module, const char *text)
{
    struct buf message = {0};
    if (!speaks)
        return;
    buf_byte(&message, (char)level);
    buf_text(&message, module);
    buf_byte(&message, '\0');
    buf_text(&message, text);
    (void)line_send(&line, LINE_LOG, buf_view(&message), 0);
    buf_close(&message);
}

/* -- running -- */

/* Nobody is there: there is no one to tell, and nothing to lose. */
static void leave(void)
{
    _exit(0);
}

static void run(struct process *p, struct buf *message)
{
    struct buf result = {0};
    remote_run(p->side, p->rt, message, &result);
    if (line_send(&line, LINE_DONE, buf_view(&result), 0) != 0)
        leave();
    buf_close(&result);
}

/* Send a question; until its answer comes, the host may call back. */
static int ask(void *arg, struct slice question, struct buf *answer, struct err *err)
{
    struct process *p = arg;
    enum line_kind kind;
    (void)err;
    if (line_send(&line, LINE_ASK, question, 0) != 0)
        leave();
    for (;;) {
        if (line_receive(&line, &kind, answer, 0) != 0)
            leave();
        if (kind == LINE_ANSWER)
            return 0;
        struct buf message = *answer; /* a command of its own, with what it needs */
        *answer = (struct buf){.max = message.max};
        run(p, &message);
        buf_close(&message);
    }
}

static void serve(struct process *p)
{
    enum line_kind kind;
    for (;;) {
        if (line_receive(&line, &kind, &p->message, 0) != 0)
            leave();
        run(p, &p->message);
        buf_clear(&p->message);
    }
}

/* -- loading -- */

static int shut_in(const struct child_hello *h, struct err *err)
{
    char parent[FOLDER_BYTES] = "";
    const char *slash = h->object ? strrchr(h->object, '/') : NULL;
    if (slash && (size_t)(slash - h->object) < sizeof(parent))
        memcpy(parent, h->object, (size_t)(slash - h->object));
    const char *folders[5] = {0};
    int n = 0;
    if (h->folder)
        folders[n++] = h->folder;
    if (h->native_dir)
        folders[n++] = h->native_dir;
    if (h->lib_dir)
        folders[n++] = h->lib_dir;
    if (parent[0])
        folders[n++] = parent;
    int rv = child_box_enter(folders, (size_t)h->memory_bytes, err);
    if (rv == 0)
        rv = watchdog_start(err);
    return rv ? rv : child_box_load(err);
}

static int load(struct process *p, const struct child_hello *h, struct err *err)
{
    static struct remote_line way;
    const struct plugin_place place = {.name = h->name, .folder = h->folder, .trusted = true};
    const struct registry_sources sources = {
        .places = &place, .nplaces = 1, .native_dir = h->native_dir, .lib_dir = h->lib_dir, .alone = h->name};
    const struct runtime_limits limits = {
        .soft_bytes = (size_t)h->soft_bytes, .grace_ms = (int)h->grace_ms, .reply_bytes = (size_t)h->reply_bytes};
    way = (struct remote_line){ask, p};
    int rv = registry_load(&sources, 0, &p->registry, err);
    if (rv == 0)
        rv = runtime_new(p->registry, &limits, &p->rt, err);
    if (rv == 0) {
        p->side = remote_side_new(p->registry, &way);
        rv = runtime_attach(p->rt, remote_side_store(p->side), err);
    }
    return rv ? rv : child_box_run(err);
}

static int describe(const char *object, struct buf *out, struct err *err)
{
    struct buf text = {0};
    struct reply r;
    int rv = native_describe(object, &text, err);
    if (rv == 0) {
        reply_begin(&r, out, 0);
        reply_array_open(&r);
        reply_text(&r, buf_view(&text));
        reply_close(&r);
        rv = reply_finish(&r);
    }
    buf_close(&text);
    return rv;
}

static void put_hash(const struct process *p, const char *name, struct buf *out)
{
    const struct plugin *plugin = registry_plugin(p->registry, slice_of(name));
    struct reply r;
    reply_begin(&r, out, 0);
    reply_array_open(&r);
    reply_blob(&r, (struct slice){(const char *)plugin->hash, sizeof(plugin->hash)});
    reply_close(&r);
    reply_finish(&r);
}

int child_main(void)
{
    static const size_t may_come[LINE_KINDS] = {
        [LINE_HELLO] = CHILD_MESSAGE_MAX, [LINE_RUN] = CHILD_MESSAGE_MAX, [LINE_ANSWER] = CHILD_MESSAGE_MAX};
    static struct process p;
    struct child_hello h;
    struct err err = {0};
    struct buf said = {0};
    enum line_kind kind;
    line_open(&line, LINE_FD, may_come, true);
    if (line_receive(&line, &kind, &p.message, 0) != 0 || kind != LINE_HELLO || child_hello_take(&p.message, &h) != 0)
        return 2; /* somebody types `muster child` */
    speaks = true;
    log_set_level((enum log_level)h.log_level);
    log_set_sink(send_log);
    int rv = shut_in(&h, &err);
    if (rv == 0)
        rv = h.object ? describe(h.object, &said, &err) : load(&p, &h, &err);
    if (rv != 0)
        reply_error(&said, &err);
    else if (!h.object)
        put_hash(&p, h.name, &said);
    buf_clear(&p.message);
    if (line_send(&line, LINE_READY, buf_view(&said), 0) == 0 && rv == 0 && !h.object)
        serve(&p);
    leave();
    return 0;
}
