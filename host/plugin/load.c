#include "plugin/load.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "plugin/kit.h"
#include "plugin/native.h"
#include "script/binding.h"
#include "script/copy.h"
#include "script/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Manifest, locale and declarations are Lua tables, made by running the files in a sandbox that is thrown away
 * afterwards. The reading runs inside the same protected call; a wrong declaration is raised as a refusal, with plugin,
 * file and reason in its text. What is taken over is copied into the registry's arena; parsed arguments and shapes are
 * adopted by it at once, so that a jump loses nothing. */

enum { LOAD_MS = 2000 };

void load_refuse(lua_State *L, const struct loading *l, const char *fmt, ...)
{
    struct err err = {0};
    char text[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_rule(&err, ERR_ARG, "declare", NULL, "plugin %s, %s: %s", l->package->plugin.name, l->file, text);
    fault_raise(L, &err);
}

/* The string at `index`, in the arena. An escape such as "\xFF" may have made it something else than text. [-0, +0, e] */
static const char *text_at(lua_State *L, const struct loading *l, int index)
{
    struct slice s;
    s.data = lua_tolstring(L, index, &s.len);
    if (!utf8_valid(s))
        load_refuse(L, l, "a text in it is not UTF-8, or has a NUL inside");
    return arena_text(&l->registry->arena, s);
}

const char *load_field(lua_State *L, const struct loading *l, int index, const char *what, const char *key,
                       bool required)
{
    const char *out = NULL;
    lua_pushstring(L, key);
    int type = lua_rawget(L, index);
    if (type == LUA_TSTRING)
        out = text_at(L, l, -1);
    else if (type != LUA_TNIL || required)
        load_refuse(L, l, "%s: %s must be a text", what, key);
    lua_pop(L, 1);
    return out;
}

void load_summary(lua_State *L, const struct loading *l, int index, const char *what, const char **en, const char **zh)
{
    lua_pushliteral(L, "summary");
    int type = lua_rawget(L, index);
    if (type == LUA_TTABLE) {
        static const char *const languages[] = {"en", "zh-CN", NULL};
        int at = lua_gettop(L);
        char summary[200];
        snprintf(summary, sizeof(summary), "summary of %s", what);
        load_check_keys(L, l, at, summary, languages);
        *en = load_field(L, l, at, what, "en", true);
        *zh = load_field(L, l, at, what, "zh-CN", false);
    } else if (type == LUA_TSTRING) {
        *en = text_at(L, l, -1);
    } else {
        load_refuse(L, l, "%s: summary must be { en = \"…\", [\"zh-CN\"] = \"…\" }", what);
    }
    lua_pop(L, 1);
}

const char *const *load_list(lua_State *L, const struct loading *l, int index, const char *what, const char *key)
{
    lua_pushstring(L, key);
    int type = lua_rawget(L, index);
    if (type == LUA_TNIL)
        lua_newtable(L);
    lua_Integer n = type == LUA_TNIL ? 0 : type == LUA_TTABLE ? copy_sequence(L, -1) : -1;
    if (type == LUA_TNIL)
        lua_remove(L, -2);
    if (n < 0 || n > 1000)
        load_refuse(L, l, "%s: %s must be a list of texts", what, key);
    const char **list = arena_alloc(&l->registry->arena, (size_t)(n + 1) * sizeof(*list));
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, -1, i) != LUA_TSTRING)
            load_refuse(L, l, "%s: %s must be a list of texts", what, key);
        list[i - 1] = text_at(L, l, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

void load_check_keys(lua_State *L, const struct loading *l, int index, const char *what, const char *const *known)
{
    size_t n;
    const struct copy_key *keys = copy_keys(L, index, &n);
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (const char *const *k = known; *k && !found; k++)
            found = slice_is((struct slice){keys[i].text, keys[i].len}, *k);
        if (!found)
            load_refuse(L, l, "%s: there is no `%.*s` here", what, (int)keys[i].len, keys[i].text);
    }
    lua_pop(L, 1);
}

/* Compile and run the file, leaving the table it returns. [-0, +1, e] */
static void run_file(lua_State *L, const struct loading *l)
{
    const char *chunk = lua_pushfstring(L, "=%s", l->file);
    sandbox_compile(L, l->source, chunk);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        load_refuse(L, l, "must return a table");
}

/* -- manifest -- */

static int take_manifest(lua_State *L)
{
    struct loading *l = lua_touserdata(L, 1);
    run_file(L, l);
    load_take_manifest(L, l, lua_gettop(L));
    return 0;
}

/* -- locale -- */

static int take_locale(lua_State *L)
{
    struct loading *l = lua_touserdata(L, 1);
    run_file(L, l);
    int at = lua_gettop(L);
    size_t n;
    const struct copy_key *keys = copy_keys(L, at, &n);
    struct phrase *phrases = arena_alloc(&l->registry->arena, (n + 1) * sizeof(*phrases));
    for (size_t i = 0; i < n; i++) {
        copy_field(L, at, &keys[i]);
        if (keys[i].is_number || lua_type(L, -1) != LUA_TSTRING)
            load_refuse(L, l, "a locale is { [\"English format\"] = \"text\" }");
        phrases[i].english = arena_text(&l->registry->arena, (struct slice){keys[i].text, keys[i].len});
        phrases[i].chinese = text_at(L, l, -1);
        if (!binding_same_items(phrases[i].english, phrases[i].chinese))
            load_refuse(L, l, "\"%s\": the translation must take the same %% items in the same order",
                        phrases[i].english);
        lua_pop(L, 1);
    }
    l->package->phrases = phrases;
    l->package->nphrases = (int)n;
    return 0;
}

/* -- running them -- */

static int take_init(lua_State *L)
{
    struct loading *l = lua_touserdata(L, 1);
    run_file(L, l);
    load_init(L, l, lua_gettop(L));
    return 0;
}

static int run(struct registry *r, struct package *p, const char *file, struct slice source, lua_CFunction body,
               struct err *err)
{
    struct loading l = {.registry = r, .package = p, .file = file, .source = source};
    struct sandbox_options options = {
        .plugin = p->plugin.name, .find = package_find, .push_module = kit_push, .arg = p};
    struct frame frame = {.deadline_ns = clock_mono_ns() + (uint64_t)LOAD_MS * 1000000,
                          .limit_ms = LOAD_MS,
                          .plugin = p->plugin.name,
                          .command = file};
    struct watch *watch = watch_enter(NULL, LOAD_MS);
    if (!watch)
        return err_set(err, ERR_BUSY, "plugin %s: too many threads run scripts", p->plugin.name);
    struct sandbox *sb = sandbox_new(&options);
    int rv = sandbox_run(sb, watch, &frame, body, &l, err);
    sandbox_free(sb);
    watch_leave(watch);
    return rv;
}

int load_manifest(struct registry *r, struct package *p, struct slice manifest, struct err *err)
{
    p->registry = r;
    return run(r, p, "manifest.lua", manifest, take_manifest, err);
}

int load_locale(struct registry *r, struct package *p, struct err *err)
{
    return p->locale.text.len == 0 ? 0 : run(r, p, "locale/zh-CN.lua", p->locale.text, take_locale, err);
}

/* The health command is asked without arguments, by the host, at any time. */
static int check_health(const struct registry *r, const struct package *p, struct err *err)
{
    const char *name = p->plugin.health;
    const struct command *c = NULL;
    for (int i = 0; name && i < r->commands.count; i++) {
        const struct declared_command *d = r->commands.items[i];
        if (d->package == p && strcmp(d->command.name, name) == 0)
            c = &d->command;
    }
    if (!name)
        return 0;
    if (!c || c->mode != MODE_READ)
        return err_rule(err, ERR_ARG, "declare", NULL,
                        "plugin %s, manifest.lua: health: %s must be one of its commands, of mode \"read\"",
                        p->plugin.name, name);
    for (int i = 0; i < c->nargs; i++)
        if (!c->args[i].optional && !c->args[i].default_text)
            return err_rule(err, ERR_ARG, "declare", NULL,
                            "plugin %s, manifest.lua: health: %s must do without arguments, but `%s` is required",
                            p->plugin.name, name, c->args[i].name);
    return 0;
}

int load_declarations(struct registry *r, struct package *p, struct err *err)
{
    const struct source *init = package_source(p, "init");
    int rv = 0;
    if (!init && !p->plugin.native)
        return err_set(err, ERR_NOTFOUND, "plugin %s: there is no init.lua", p->plugin.name);
    if (p->plugin.native)
        rv = native_load(r, p, err);
    if (rv == 0 && init)
        rv = run(r, p, "init.lua", init->text, take_init, err);
    return rv ? rv : check_health(r, p, err);
}
