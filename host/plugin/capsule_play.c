#include "plugin/capsule.h"

#include "base/clock.h"
#include "base/log.h"
#include "plugin/child.h"

#include <stdlib.h>
#include <string.h>

/* Playing one: the plugin runs in a process of its own, as untrusted as any, and each of its questions is looked up.
 * A mended plugin may leave questions out, or ask some in another order: it gets the first answer that was not given
 * yet. What it closes, it may always close. A question that is not there ends the matter, whatever comes of it. */

enum { SOFT_BYTES = 32 * 1024 * 1024, GRACE_MS = 2000, REPLY_BYTES = 8 * 1024 * 1024, LEAST_MS = 5000 };

struct playing {
    const struct capsule *capsule;
    struct capsule_played *played;
    bool *given; /* by exchange */
};

static bool closes(struct slice message)
{
    struct reader r = {message};
    struct slice word;
    int64_t size;
    return remote_take_array(&r, &size) == 0 && remote_take_text(&r, 20, &word) == 0 && slice_is(word, "close");
}

static int answer(void *arg, struct slice message, struct buf *out)
{
    struct playing *p = arg;
    const struct capsule *c = p->capsule;
    for (int i = 0; i < c->count; i++)
        if (!p->given[i] && slice_eq(c->exchanges[i].question, message)) {
            p->given[i] = true;
            p->played->asked += p->played->question.len == 0;
            return buf_slice(out, c->exchanges[i].answer);
        }
    if (closes(message))
        return buf_text(out, "*0\r\n");
    if (p->played->question.len == 0)
        buf_slice(&p->played->question, message);
    struct err err;
    err_set(&err, ERR_INTERNAL, "the capsule does not know the answer");
    reply_error(out, &err);
    return 0;
}

/* -- how it ended -- */

/* The same but for the numbers of lines. */
static bool same_text(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        if (*a != *b)
            return false;
        if (strncmp(a, ".lua:", 5) == 0 && strncmp(b, ".lua:", 5) == 0) {
            a += 5 + strspn(a + 5, "0123456789") - 1;
            b += 5 + strspn(b + 5, "0123456789") - 1;
        }
    }
    return true;
}

static void judge(const struct capsule *c, int rv, struct capsule_played *p)
{
    struct err was = {0};
    reader_error(c->again.len > 0 ? c->again : c->error, &was);
    if (p->question.len > 0)
        p->outcome = CAPSULE_ASKS;
    else if (rv == 0)
        p->outcome = CAPSULE_SUCCEEDS;
    else if (was.code == p->err.code && strcmp(was.rule, p->err.rule) == 0 && same_text(was.text, p->err.text))
        p->outcome = CAPSULE_SAME;
    else
        p->outcome = CAPSULE_DIFFERS;
}

/* -- running -- */

struct played_task {
    struct remote_received in;
    struct command command;
    struct figure figure;
    struct shape returns;
    struct call call;
    char name[201];
};

static int take_task(const struct capsule *c, struct played_task *t, struct remote_task *task)
{
    if (remote_take_task(c->task, &t->in) != 0)
        return ERR_PROTO;
    memcpy(t->name, t->in.name.data, t->in.name.len);
    t->name[t->in.name.len] = '\0';
    t->returns = (struct shape){.type = SHAPE_ANY}; /* the process holds its reply against what it declares */
    t->command = (struct command){.name = t->name, .nargs = t->in.nargs, .returns = &t->returns};
    t->figure = (struct figure){.name = t->name, .nargs = t->in.nargs};
    t->call = t->in.facts;
    t->call.command = t->name;
    *task = (struct remote_task){.query = &t->in.query, .args = t->in.args, .call = &t->call};
    if (t->in.is_figure)
        task->figure = &t->figure;
    else
        task->command = &t->command;
    /* This machine may be slower. */
    task->timeout_ms = t->in.timeout_ms > LEAST_MS && t->in.timeout_ms < 600000 ? (int)t->in.timeout_ms : LEAST_MS;
    return 0;
}

static int run(struct capsule *c, const struct plugin *plugin, const struct capsule_place *place,
               struct remote_task *task, struct capsule_played *out, struct err *err)
{
    const struct child_options options = {
        .plugin = plugin,
        .native_dir = place->native_dir,
        .lib_dir = place->lib_dir,
        .limits = {.soft_bytes = SOFT_BYTES, .grace_ms = GRACE_MS, .reply_bytes = REPLY_BYTES},
    };
    struct playing playing = {.capsule = c, .played = out, .given = mem_zalloc((size_t)c->count + 1)};
    struct child *child = NULL;
    task->answer = answer;
    task->answer_arg = &playing;
    task->trace = &out->trace;
    int rv = child_start(&options, &child, err);
    if (rv == 0) {
        task->call->plugin = plugin->name;
        task->call->deadline_ns = clock_mono_ns() + (uint64_t)task->timeout_ms * 1000000;
        judge(c, child_run(child, task, &out->reply, &out->err), out);
    }
    child_free(child);
    free(playing.given);
    return rv;
}

int capsule_play(struct capsule *c, const struct capsule_place *place, struct capsule_played *out, struct err *err)
{
    char name[64] = "";
    const struct plugin_place at = {.name = name, .folder = place->folder};
    const struct registry_sources sources = {.places = &at,
                                             .nplaces = 1,
                                             .native_dir = place->native_dir,
                                             .lib_dir = place->lib_dir,
                                             .manifests_only = true};
    struct registry *registry = NULL;
    struct remote_task task;
    *out = (struct capsule_played){.trace = {.max = CAPSULE_BYTES_MAX}};
    if (c->plugin.len >= sizeof(name))
        return err_set(err, ERR_ARG, "the capsule is damaged: the name of its plugin is too long");
    memcpy(name, c->plugin.data, c->plugin.len);
    if (c->task.len == 0)
        return err_rule(err, ERR_STATE, "capsule.short", NULL, "it can't be played: %.*s", (int)c->short_of.len,
                        c->short_of.data);
    struct played_task *t = mem_zalloc(sizeof(*t));
    int rv = take_task(c, t, &task) != 0 ? err_set(err, ERR_ARG, "the capsule is damaged") : 0;
    if (rv == 0)
        rv = registry_load(&sources, 0, &registry, err);
    const struct plugin *plugin = rv == 0 ? registry_plugin(registry, slice_of(name)) : NULL;
    if (rv == 0 && !plugin)
        rv = err_rule(err, ERR_ARG, "capsule.plugin", NULL, "%s does not hold the plugin %s", place->folder, name);
    if (rv == 0) {
        out->other_files =
            c->hash.len != sizeof(plugin->hash) || memcmp(c->hash.data, plugin->hash, sizeof(plugin->hash)) != 0;
        rv = run(c, plugin, place, &task, out, err);
    }
    registry_unref(registry);
    free(t);
    if (rv != 0)
        capsule_played_close(out);
    return rv;
}

void capsule_played_close(struct capsule_played *p)
{
    buf_close(&p->reply);
    buf_close(&p->trace);
    buf_close(&p->question);
}
