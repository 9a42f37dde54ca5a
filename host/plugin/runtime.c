#include "plugin/states.h"

#include "base/clock.h"
#include "plugin/child.h"
#include "plugin/eval.h"
#include "plugin/kit.h"
#include "plugin/output.h"
#include "plugin/remote.h"
#include "plugin/tally.h"
#include "plugin/texts.h"
#include "script/binding.h"
#include "script/copy.h"
#include "script/fault.h"

#include <stdlib.h>
#include <string.h>

/* One Lua state per plugin (states.c). A call is: push function, `call` object and arguments, call, write the reply by its
 * shape, all inside one protected call.
 *
 * A plugin may come back to itself through others, or through its own figures: then the same state is entered again, on
 * the coroutine that made the call. A stop of the inner run kills the state and so the outer one as well. */

enum { WRITE_MS = 500, READ_MS = 2000, ROWS_MAX = 10000, ROW_BYTES_MAX = 16 * 1024 * 1024 };

/* -- running -- */

struct job {
    const struct declared_command *command;
    const struct declared_figure *figure;
    const struct figure_query *query;
    struct eval *eval;
    const struct value *args;
    struct state *state;
    struct call *call;
    struct reply reply;
    struct err doom;
};

/* A statement failed and the plugin went on: it can't. [-0, +0, e] */
static void check_doom(lua_State *L, const struct job *job)
{
    if (job->doom.code != 0)
        fault_raise(L, &job->doom);
}

/* Refuse a reply that did not come out whole. */
static int refuse_reply(const struct reply *reply, const struct call *call, struct err *err)
{
    if (reply->code == ERR_TOOBIG)
        return err_rule(err, ERR_TOOBIG, "limit.reply", NULL,
                        "command %s: its reply is longer than %zu KiB; ask for less at once", call->command,
                        reply->max_bytes / 1024);
    return err_set(err, ERR_INTERNAL, "command %s: its reply is not one whole value", call->command);
}

/* [-1, +0, e] */
static int run_command(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    const struct command *c = &job->command->command;
    luaL_checkstack(L, c->nargs + 10, "arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->state->runs[job->command->slot]);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->state->sb->ref_call);
    for (int i = 0; i < c->nargs; i++)
        copy_push(L, &job->args[i]);
    lua_call(L, c->nargs + 1, 1);
    check_doom(L, job);
    output_write(L, lua_gettop(L), c->returns, &job->reply);
    return 0;
}

static void set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, key);
    lua_pushstring(L, text); /* NULL: nil */
    lua_rawset(L, -3);
}

/* The table q that a figure is asked with. [-0, +1, e] */
static void push_query(lua_State *L, const struct job *job)
{
    const struct figure *f = &job->figure->figure;
    const struct figure_query *q = job->query;
    lua_createtable(L, 0, f->nargs + 6);
    for (int i = 0; i < f->nargs; i++) {
        lua_pushstring(L, f->args[i].name);
        copy_push(L, &job->args[i]);
        lua_rawset(L, -3);
    }
    set_text(L, "unit", q->unit);
    set_text(L, "scope", q->scope);
    set_text(L, "from", q->from);
    set_text(L, "to", q->to);
    lua_pushliteral(L, "scope_end");
    binding_push_scope_end(L, q->scope);
    lua_rawset(L, -3);
    lua_pushliteral(L, "as_of");
    lua_pushinteger(L, q->as_of_ms);
    lua_rawset(L, -3);
}

/* What compute returned, on top, as the canonical map. [-0, +0, e] */
static void write_figure(lua_State *L, struct job *job)
{
    static const struct shape value = {.type = SHAPE_ANY, .name = "value"},
                              complete = {.type = SHAPE_BOOL, .name = "complete"};
    static const struct shape numerator = {.type = SHAPE_INT, .name = "numerator"},
                              denominator = {.type = SHAPE_INT, .name = "denominator"};
    static const struct shape basis = {.type = SHAPE_TEXT, .name = "basis"};
    static const struct shape *const fields[] = {&value, &complete, &numerator, &denominator, &basis};
    struct reply *out = &job->reply;
    int top = lua_gettop(L), known = 0;
    if (!lua_istable(L, top))
        luaL_error(L, "figure %s: compute must return { value = … }", job->figure->figure.name);
    reply_map_open(out);
    reply_key_cstr(out, "name", job->figure->figure.name);
    for (int i = 0; i < 5; i++) {
        lua_pushstring(L, fields[i]->name);
        int type = lua_rawget(L, top);
        known += type != LUA_TNIL;
        if (i == 0 && type != LUA_TSTRING && !lua_isinteger(L, -1) && !copy_is_null(L, -1))
            luaL_error(L, "figure %s: value must be an integer or a text, is %s", job->figure->figure.name,
                       type == LUA_TNUMBER ? "a fraction" : lua_typename(L, type));
        reply_key(out, fields[i]->name);
        if (i == 1 && type == LUA_TNIL)
            reply_bool(out, true);
        else
            output_write(L, top + 1, fields[i], out);
        if (i == 0)
            reply_key_cstr(out, "unit", job->figure->figure.unit);
        lua_settop(L, top);
    }
    reply_key_int(out, "as_of", job->query->as_of_ms);
    reply_close(out);
    for (lua_pushnil(L); lua_next(L, top); lua_pop(L, 1))
        if (--known < 0)
            luaL_error(L, "figure %s: compute returns value, complete, numerator, denominator, basis and nothing else",
                       job->figure->figure.name);
}

/* [-1, +0, e] */
static int run_figure(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    luaL_checkstack(L, 20, "arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->state->computes[job->figure->slot]);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->state->sb->ref_call);
    push_query(L, job);
    lua_call(L, 2, 1);
    check_doom(L, job);
    write_figure(L, job);
    return 0;
}

/* [-1, +0, e] */
static int run_eval(lua_State *L)
{
    struct job *job = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, job->state->sb->ref_call);
    eval_chunk(L, job->eval, lua_gettop(L), &job->reply);
    check_doom(L, job);
    return 0;
}

/* Limits of what the running command may ask of the store; the outer command's again after it. */
static void limit_store(const struct runtime *rt)
{
    const struct frame *frame = frame_running();
    if (rt->store)
        store_limits(rt->store, frame ? ROWS_MAX : 0, frame ? ROW_BYTES_MAX : 0, frame ? frame_latest(frame) : 0);
}

static void begin(struct call *call, struct frame *frame, const struct command *declared, const char *plugin,
                  const char *command, int timeout_ms)
{
    const struct frame *outer = frame_running();
    if (timeout_ms <= 0)
        timeout_ms = call->write ? WRITE_MS : READ_MS;
    uint64_t now = clock_mono_ns(), deadline = now + (uint64_t)timeout_ms * 1000000;
    if (outer && outer->deadline_ns != 0 && outer->deadline_ns < deadline)
        deadline = outer->deadline_ns;
    *frame = (struct frame){
        .started_ns = now, .deadline_ns = deadline, .limit_ms = timeout_ms, .plugin = plugin, .command = command};
    call->plugin = plugin;
    call->command = command;
    call->declared = declared;
    call->deadline_ns = deadline;
}

static int run_script(struct runtime *rt, struct job *job, struct frame *frame, lua_CFunction body, struct buf *out,
                      struct err *err)
{
    struct state *state = job->state;
    struct sandbox *sb = state->sb;
    struct call *outer_call = sb->call;
    struct err *outer_doom = sb->doom;
    size_t start = out->len;
    job->doom.code = 0;
    sb->call = job->call;
    sb->doom = &job->doom;
    frame->sandbox = sb;
    reply_begin(&job->reply, out, rt->limits.reply_bytes);
    if (rt->store)
        store_limits(rt->store, ROWS_MAX, ROW_BYTES_MAX, frame_latest(frame));
    int rv = sandbox_run(sb, rt->watch, frame, body, job, err);
    sb->call = outer_call;
    sb->doom = outer_doom;
    if (rv == 0 && reply_finish(&job->reply) != 0)
        rv = refuse_reply(&job->reply, job->call, err);
    if (rv != 0) {
        buf_truncate(out, start);
        if (err)
            texts_localise(job->call->lang, err);
    }
    limit_store(rt);
    tally_run(state->package, job->command, frame, sb, rv);
    if (sb->entered == 0 && (rt->limits.amnesia || sandbox_dead(sb)))
        state_drop(state);
    return rv;
}

static int call_native(struct runtime *rt, const struct command *command, struct call *call, const struct value *args,
                       struct frame *frame, struct buf *out, struct err *err)
{
    struct reply reply;
    size_t start = out->len;
    reply_begin(&reply, out, rt->limits.reply_bytes);
    frame_enter(rt->watch, frame);
    limit_store(rt);
    int rv = command->native(call, args, &reply, err);
    frame_leave(rt->watch, frame);
    limit_store(rt);
    if (rv == 0 && reply_finish(&reply) != 0)
        rv = refuse_reply(&reply, call, err);
    if (rv != 0)
        buf_truncate(out, start);
    if (rv == ERR_TIMEOUT && clock_mono_ns() >= frame->deadline_ns)
        rv = err_rule(err, rv, "limit.time", NULL,
                      "command %s: stopped after its limit of %d ms; nothing was kept; ask for less at once",
                      command->name, frame->limit_ms);
    return rv;
}

static int run_native(struct runtime *rt, const struct command *command, struct call *call, const struct value *args,
                      struct frame *frame, struct buf *out, struct err *err)
{
    int rv = call_native(rt, command, call, args, frame, out, err);
    const struct declared_command *declared = (const struct declared_command *)(const void *)command;
    tally_run(declared->package, declared, frame, NULL, rv);
    return rv;
}

/* The same in the plugin's own process. */
static int run_apart(struct runtime *rt, const struct package *package, const struct remote_task *task,
                     struct frame *frame, struct buf *out, struct err *err)
{
    const size_t start = out->len;
    frame_enter(rt->watch, frame);
    limit_store(rt);
    int rv = child_run(rt->states[package->index].child, task, out, err);
    frame_leave(rt->watch, frame);
    limit_store(rt);
    if (rv != 0) {
        buf_truncate(out, start);
        if (err)
            texts_localise(task->call->lang, err);
    }
    tally_run(package, (const struct declared_command *)(const void *)task->command, frame, NULL, rv);
    return rv;
}

static bool is_apart(const struct package *package)
{
    return package && package->plugin.isolation == ISOLATION_PROCESS;
}

int runtime_run(struct runtime *rt, const struct command *command, struct call *call, const struct value *args,
                int timeout_ms, struct buf *out, struct err *err)
{
    struct frame frame;
    int rv = rt->limits.suspend ? tally_suspended((const struct declared_command *)(const void *)command, err) : 0;
    if (rv != 0) {
        if (err)
            texts_localise(call->lang, err);
        return rv;
    }
    const struct package *package = ((const struct declared_command *)(const void *)command)->package;
    if (is_apart(package)) {
        begin(call, &frame, command, command->plugin, command->name, timeout_ms);
        const struct remote_task task = {.command = command, .args = args, .call = call, .timeout_ms = frame.limit_ms};
        return run_apart(rt, package, &task, &frame, out, err);
    }
    if (command->native) {
        begin(call, &frame, command, command->plugin, command->name, timeout_ms);
        return run_native(rt, command, call, args, &frame, out, err);
    }
    struct job job;
    job.command = (const struct declared_command *)(const void *)command;
    job.args = args;
    job.call = call;
    job.state = state_of(rt, job.command->package, err);
    if (!job.state)
        return err ? err->code : ERR_INTERNAL;
    begin(call, &frame, command, command->plugin, command->name, timeout_ms);
    return run_script(rt, &job, &frame, run_command, out, err);
}

int runtime_figure(struct runtime *rt, const struct figure *figure, struct call *call, const struct figure_query *query,
                   const struct value *args, struct buf *out, struct err *err)
{
    struct frame frame;
    struct job job;
    const struct package *package = ((const struct declared_figure *)(const void *)figure)->package;
    if (is_apart(package)) {
        begin(call, &frame, NULL, figure->plugin, figure->name, READ_MS);
        const struct remote_task task = {
            .figure = figure, .query = query, .args = args, .call = call, .timeout_ms = frame.limit_ms};
        return run_apart(rt, package, &task, &frame, out, err);
    }
    job.command = NULL;
    job.figure = (const struct declared_figure *)(const void *)figure;
    job.query = query;
    job.args = args;
    job.call = call;
    job.state = state_of(rt, job.figure->package, err);
    if (!job.state)
        return err ? err->code : ERR_INTERNAL;
    begin(call, &frame, NULL, figure->plugin, figure->name, READ_MS);
    return run_script(rt, &job, &frame, run_figure, out, err);
}

/* A fault of what was typed is the fault of whoever typed it; one of a command that it called stays that command's. */
static int own_fault(const struct eval *e, const char *name, const char *command, struct err *err)
{
    const struct err fault = *err;
    char whose[100], here[200];
    const size_t n = (size_t)snprintf(whose, sizeof(whose), "plugin %s, ", name);
    snprintf(here, sizeof(here), "command %s: ", command);
    const bool named = strncmp(fault.text, whose, n) == 0;
    const char *text = named ? fault.text + n : fault.text;
    if (e->trace.len == 0 && !(named && (strncmp(text, "console:", 8) == 0 || strncmp(text, here, strlen(here)) == 0)))
        return fault.code;
    return err_rule(err, ERR_ARG, fault.rule[0] ? fault.rule : "lua.error", NULL, "%.280s%s%.*s", text,
                    e->trace.len ? "; at " : "", (int)e->trace.len, e->trace.len ? e->trace.data : "");
}

int runtime_eval(struct runtime *rt, struct eval *e, struct call *call, struct err *err)
{
    const struct package *p = e->plugin ? (const void *)registry_plugin(rt->registry, slice_of(e->plugin)) : NULL;
    const struct package nobody = {.plugin = {.name = "console"}, .library = rt->registry->library};
    if (e->plugin && !p)
        return err_rule(err, ERR_NOTFOUND, "plugin.absent", "plugin",
                        "there is no plugin %s; plugin.list shows what there is", e->plugin);
    const struct package *whose = p ? p : &nobody;
    const struct sandbox_options options = {.plugin = whose->plugin.name,
                                            .soft_bytes = rt->limits.soft_bytes,
                                            .find = package_find,
                                            .push_module = p ? kit_push : NULL,
                                            .arg = (void *)(uintptr_t)whose};
    struct state state = {.sb = sandbox_new(&options)};
    struct call inner = *call;
    struct frame frame;
    struct job job = {.eval = e, .state = &state, .call = &inner};
    inner.outer = call;
    inner.depth = call->depth + 1;
    begin(&inner, &frame, NULL, whose->plugin.name, call->command, 0);
    int rv = run_script(rt, &job, &frame, run_eval, &e->values, err);
    state_drop(&state);
    return rv == ERR_INTERNAL ? own_fault(e, whose->plugin.name, call->command, err) : rv;
}

/* -- listening -- */

struct listening {
    const struct remote_task *task;
    struct remote_cursors cursors;
};

static int relay(void *arg, struct slice message, struct buf *answer, struct err *err)
{
    struct listening *l = arg;
    if (remote_serve(l->task->call, &l->cursors, message, answer) != 0)
        return err_set(err, ERR_INTERNAL, "the host could not answer");
    l->task->heard(l->task->heard_arg, message, buf_view(answer));
    return 0;
}

/* In a state that is made for it, which is not counted. */
static int listen_script(struct runtime *rt, const struct package *package, const struct remote_task *task,
                         struct call *call, struct frame *frame, struct buf *out, struct err *err)
{
    struct state state = {.package = package, .far = true};
    struct job job = {.query = task->query, .args = task->args, .state = &state, .call = call};
    state.runs = mem_zalloc((size_t)(package->plugin.commands + 1) * sizeof(int));
    state.computes = mem_zalloc((size_t)(package->plugin.figures + 1) * sizeof(int));
    job.command = (const struct declared_command *)(const void *)task->command;
    job.figure = (const struct declared_figure *)(const void *)task->figure;
    int rv = state_build(rt, &state, err);
    if (rv == 0) {
        state.package = NULL;
        state.sb->trace = task->trace;
        rv = run_script(rt, &job, frame, task->command ? run_command : run_figure, out, err);
    }
    state_drop(&state);
    free(state.runs);
    free(state.computes);
    return rv;
}

static int listen_here(struct runtime *rt, const struct package *package, const struct remote_task *task,
                       struct frame *frame, struct buf *out, struct err *err)
{
    struct listening l = {.task = task};
    const struct remote_line line = {relay, &l};
    struct remote_side *side = remote_side_new(rt->registry, &line);
    struct call call = remote_side_begin(side, task->call);
    int rv = task->command && task->command->native ? call_native(rt, task->command, &call, task->args, frame, out, err)
                                                    : listen_script(rt, package, task, &call, frame, out, err);
    remote_side_end(side);
    remote_side_free(side);
    store_remote_close_all(&l.cursors);
    return rv;
}

int runtime_listen(struct runtime *rt, const struct remote_task *task, struct buf *out, struct err *err)
{
    const struct command *c = task->command;
    const struct package *package = c ? ((const struct declared_command *)(const void *)c)->package
                                      : ((const struct declared_figure *)(const void *)task->figure)->package;
    struct frame frame;
    begin(task->call, &frame, c, package->plugin.name, c ? c->name : task->figure->name, task->timeout_ms);
    if (!is_apart(package))
        return listen_here(rt, package, task, &frame, out, err);
    frame_enter(rt->watch, &frame);
    limit_store(rt);
    int rv = child_run(rt->states[package->index].child, task, out, err);
    frame_leave(rt->watch, &frame);
    limit_store(rt);
    if (rv != 0 && err)
        texts_localise(task->call->lang, err);
    return rv;
}
