#include "plugin/states.h"

#include "base/clock.h"
#include "plugin/child.h"
#include "plugin/kit.h"

#include <stdlib.h>
#include <string.h>

/* A state is built when it is first needed after the last one was thrown away, so a stopped command costs the next one of
 * its plugin a rebuild. The functions of commands and figures are kept as registry references by slot. */

enum { SOFT_BYTES = 32 * 1024 * 1024, GRACE_MS = 2000, REPLY_BYTES = 8 * 1024 * 1024, LOAD_MS = 2000 };

/* -- building a state -- */

struct install {
    const struct runtime *rt;
    struct state *state;
};

/* Take one function out of the table of declarations on top. [-0, +0, e] */
static int take_function(lua_State *L, const char *table, const char *name, const char *key)
{
    int top = lua_gettop(L);
    if (lua_getfield(L, top, table) != LUA_TTABLE || lua_getfield(L, -1, name) != LUA_TTABLE ||
        lua_getfield(L, -1, key) != LUA_TFUNCTION)
        luaL_error(L, "%s %s: the plugin declares something else each time it is loaded", table, name);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, top);
    return ref;
}

/* Run init.lua and keep its functions. [-1, +0, e] */
static int install(lua_State *L)
{
    struct install *in = lua_touserdata(L, 1);
    const struct package *p = in->state->package;
    const struct registry *r = in->rt->registry;
    sandbox_compile(L, package_source(p, "init")->text, "=init.lua");
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        luaL_error(L, "init.lua: must return a table");
    for (int i = 0; i < r->commands.count; i++) {
        const struct declared_command *d = r->commands.items[i];
        if (d->package == p && !d->command.native)
            in->state->runs[d->slot] = take_function(L, "commands", d->command.name, "run");
    }
    for (int i = 0; i < r->figures.count; i++) {
        const struct declared_figure *d = r->figures.items[i];
        if (d->package == p)
            in->state->computes[d->slot] = take_function(L, "figures", d->figure.name, "compute");
    }
    return 0;
}

void state_drop(struct state *state)
{
    sandbox_free(state->sb);
    state->sb = NULL;
}

static uint64_t deadline_in(int ms)
{
    return clock_mono_ns() + (uint64_t)ms * 1000000;
}

int state_build(struct runtime *rt, struct state *state, struct err *err)
{
    const struct package *p = state->package;
    if (!package_source(p, "init"))
        return 0; /* all of it is C */
    struct sandbox_options options = {
        .plugin = p->plugin.name,
        .soft_bytes = p->plugin.asks.memory_mib > 0 ? (size_t)p->plugin.asks.memory_mib << 20 : rt->limits.soft_bytes,
        .find = package_find,
        .push_module = state->far ? kit_push_far : kit_push,
        .arg = (void *)(uintptr_t)p,
        .bare = rt->limits.bare,
    };
    struct frame frame = {
        .deadline_ns = deadline_in(LOAD_MS), .limit_ms = LOAD_MS, .plugin = p->plugin.name, .command = "init.lua"};
    struct install in = {rt, state};
    state->sb = sandbox_new(&options);
    int rv = sandbox_run(state->sb, rt->watch, &frame, install, &in, err);
    if (rv != 0)
        state_drop(state);
    return rv;
}

/* The state, or the process. */
static int start_state(struct runtime *rt, struct state *state, struct err *err)
{
    const struct package *p = state->package;
    if (p->plugin.isolation != ISOLATION_PROCESS)
        return state_build(rt, state, err);
    const struct child_options options = {
        .plugin = &p->plugin, .native_dir = p->native_dir, .lib_dir = rt->registry->lib_dir, .limits = rt->limits};
    return child_start(&options, &state->child, err);
}

/* The state of a package, built if need be. */
struct state *state_of(struct runtime *rt, const struct package *package, struct err *err)
{
    struct state *state = &rt->states[package->index];
    if (!state->sb && state_build(rt, state, err) != 0)
        return NULL;
    return state;
}

/* -- life -- */

int runtime_new(struct registry *registry, const struct runtime_limits *limits, struct runtime **out, struct err *err)
{
    *out = NULL;
    struct runtime *rt = mem_zalloc(sizeof(*rt));
    rt->registry = registry_ref(registry);
    if (limits)
        rt->limits = *limits;
    if (rt->limits.soft_bytes == 0)
        rt->limits.soft_bytes = SOFT_BYTES;
    if (rt->limits.grace_ms == 0)
        rt->limits.grace_ms = GRACE_MS;
    if (rt->limits.reply_bytes == 0)
        rt->limits.reply_bytes = REPLY_BYTES;
    rt->nstates = registry->plugins.count;
    rt->states = mem_zalloc((size_t)(rt->nstates + 1) * sizeof(*rt->states));
    rt->watch = watch_enter(NULL, rt->limits.grace_ms); /* the builder's, while the plugins load */
    int rv = rt->watch ? 0 : err_set(err, ERR_BUSY, "too many threads run scripts in this process");
    for (int i = 0; i < rt->nstates && rv == 0; i++) {
        const struct package *p = registry->plugins.items[i];
        struct state *state = &rt->states[i];
        state->package = p;
        state->runs = mem_zalloc((size_t)(p->plugin.commands + 1) * sizeof(int));
        state->computes = mem_zalloc((size_t)(p->plugin.figures + 1) * sizeof(int));
        rv = start_state(rt, state, err);
    }
    watch_leave(rt->watch);
    rt->watch = NULL;
    if (rv != 0) {
        runtime_free(rt);
        return rv;
    }
    *out = rt;
    return 0;
}

int runtime_attach(struct runtime *rt, struct store *store, struct err *err)
{
    rt->store = store;
    rt->watch = watch_enter(store, rt->limits.grace_ms);
    return rt->watch ? 0 : err_set(err, ERR_BUSY, "too many lanes run scripts in this process");
}

void runtime_succeed(struct runtime *rt, struct runtime *old)
{
    rt->store = old->store;
    rt->watch = old->watch;
    old->store = NULL;
    old->watch = NULL;
}

struct registry *runtime_registry(const struct runtime *rt)
{
    return rt->registry;
}

void runtime_free(struct runtime *rt)
{
    if (!rt)
        return;
    for (int i = 0; i < rt->nstates; i++) {
        state_drop(&rt->states[i]);
        child_free(rt->states[i].child);
        free(rt->states[i].runs);
        free(rt->states[i].computes);
    }
    free(rt->states);
    watch_leave(rt->watch);
    registry_unref(rt->registry);
    free(rt);
}
