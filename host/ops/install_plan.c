#include "ops/install_plan.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A plan is made on the slow lane, shown to the administrator, and looked at again on the writer's lane when it is
 * activated; nothing in it changes in between. */

struct plan *plan_new(void)
{
    return mem_zalloc(sizeof(struct plan));
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    struct vec *lists[] = {&p->changes,          &p->steps,   &p->commands_added, &p->commands_removed,
                           &p->commands_changed, &p->warnings};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        free(lists[i]->items);
    arena_close(&p->arena);
    free(p);
}

static const char *keep(struct plan *p, const char *text)
{
    return text ? arena_text(&p->arena, slice_of(text)) : NULL;
}

static void push(struct plan *p, struct vec *list, const char *text)
{
    vec_push(list, (void *)(uintptr_t)keep(p, text));
}

void plan_warn(struct plan *p, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    push(p, &p->warnings, text);
}

/* -- plugins -- */

static void add_change(struct plan *p, const struct set_plugin *from, const struct set_plugin *to,
                       const struct plugin *plugin)
{
    struct plan_change *c = arena_alloc(&p->arena, sizeof(*c));
    bool runs = to && !to->off;
    c->name = keep(p, to ? to->name : from->name);
    c->from = from && !from->off ? keep(p, from->version) : NULL;
    c->added = "";
    if (runs) {
        struct buf added = {0};
        install_added(from ? from->asks : "", to->asks, &added);
        c->to = keep(p, to->version);
        c->origin = to->folder ? "package" : "bundled";
        c->signer = keep(p, to->signer);
        c->sha256 = keep(p, to->package_hash ? to->package_hash : to->hash);
        c->trust = plugin ? install_trust(plugin) : "lua";
        c->asks = keep(p, to->asks);
        c->health = plugin && plugin->health ? keep(p, plugin->health) : NULL;
        if (p->ask)
            c->added = keep(p, buf_cstr(&added));
        buf_close(&added);
    }
    vec_push(&p->changes, c);
}

static void compare_plugins(struct plan *p, const struct set *base, const struct registry *after)
{
    const struct set *next = registry_set(after);
    for (int i = 0; i < next->count; i++) {
        const struct set_plugin *to = &next->plugins[i], *from = set_find(base, to->name);
        if (!set_same_plugin(from, to))
            add_change(p, from, to, registry_plugin(after, slice_of(to->name)));
    }
    for (int i = 0; i < base->count; i++)
        if (!base->plugins[i].off && !set_find(next, base->plugins[i].name))
            add_change(p, &base->plugins[i], NULL, NULL);
}

/* -- commands -- */

static bool same_declaration(const struct command *a, const struct command *b)
{
    if (a->mode != b->mode || a->nargs != b->nargs || strcmp(a->returns_text, b->returns_text) != 0)
        return false;
    for (int i = 0; i < a->nargs; i++)
        if (strcmp(a->args[i].name, b->args[i].name) != 0 || strcmp(a->args[i].spec, b->args[i].spec) != 0)
            return false;
    return true;
}

static void compare_commands(struct plan *p, const struct registry *before, const struct registry *after)
{
    const struct command *const *list;
    int count = registry_commands(after, &list);
    for (int i = 0; i < count; i++) {
        const struct command *old = before ? registry_command(before, slice_of(list[i]->name)) : NULL;
        if (!old)
            push(p, &p->commands_added, list[i]->name);
        else if (!same_declaration(old, list[i]))
            push(p, &p->commands_changed, list[i]->name);
    }
    count = before ? registry_commands(before, &list) : 0;
    for (int i = 0; i < count; i++)
        if (!registry_command(after, slice_of(list[i]->name)))
            push(p, &p->commands_removed, list[i]->name);
}

void plan_compare(struct plan *p, const struct set *base, const struct registry *before, const struct registry *after)
{
    compare_plugins(p, base, after);
    compare_commands(p, before, after);
}

/* -- migrations -- */

static void add_step(struct plan *p, const char *plugin, const char *migration, bool undo, const char *back)
{
    struct plan_step *step = arena_alloc(&p->arena, sizeof(*step));
    *step = (struct plan_step){keep(p, plugin), keep(p, migration), undo, back};
    vec_push(&p->steps, step);
}

static int add_undone(struct plan *p, struct store *s, const char *plugin, int count, struct err *err)
{
    struct cursor *c = NULL;
    const struct value args[] = {value_cstr(plugin), value_int(count)};
    int rv =
        store_query(s, NULL, SLICE("SELECT name FROM muster_migration WHERE owner = ? ORDER BY number DESC LIMIT ?"),
                    args, 2, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value name;
        cursor_value(c, 0, &name);
        char text[120];
        snprintf(text, sizeof(text), "%.*s", (int)name.s.len, name.s.data);
        add_step(p, plugin, text, true, "down");
        rv = 0;
    }
    cursor_close(c);
    return rv;
}

static int plan_plugin(struct plan *p, struct store *s, const struct registry *after, const char *name, struct err *err)
{
    const struct migration *list;
    int steps = 0, count = registry_migrations(after, name, &list);
    int rv = migrate_steps(s, name, list, count, &steps, err);
    if (rv == 0 && steps < 0)
        return add_undone(p, s, name, -steps, err);
    /* Before its first migration a plugin has nothing that one could go back to. */
    if (rv == 0 && steps > 0 && steps < count)
        rv = migrate_check_back(s, name, list, count, err);
    for (int i = count - steps; rv == 0 && i < count; i++)
        add_step(p, name, list[i].name, false, steps == count ? "none" : list[i].down.len ? "down" : "additive");
    return rv;
}

int plan_migrations(struct plan *p, struct store *s, const struct registry *after, struct err *err)
{
    const struct plugin *const *plugins;
    int rv = 0, count = registry_plugins(after, &plugins);
    for (int i = 0; rv == 0 && i < count; i++)
        rv = plan_plugin(p, s, after, plugins[i]->name, err);
    return rv;
}

/* -- what must be accepted -- */

/* Accepted as "native", or as "fund:native" for one plugin alone. */
static bool accepted(const json_t *list, const char *plugin, struct slice word)
{
    size_t n = strlen(plugin);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct slice said = {json_string_value(item), json_string_length(item)};
        if (said.data && slice_eq(said, word))
            return true;
        if (said.data && said.len == n + 1 + word.len && memcmp(said.data, plugin, n) == 0 && said.data[n] == ':' &&
            memcmp(said.data + n + 1, word.data, word.len) == 0)
            return true;
    }
    return false;
}

int plan_check_accepted(const struct plan *p, const struct value *accept, struct err *err)
{
    struct buf missing = {0};
    json_t *list = accept->type == VALUE_JSON ? json_loadb(accept->s.data, accept->s.len, 0, NULL) : NULL;
    for (int i = 0; i < p->changes.count; i++) {
        const struct plan_change *c = p->changes.items[i];
        for (const char *at = c->added + strspn(c->added, " "); *at;) {
            struct slice word = {at, strcspn(at, " ")};
            if (!accepted(list, c->name, word))
                buf_fmt(&missing, "%s%s:%.*s", missing.len ? " " : "", c->name, (int)word.len, word.data);
            at += word.len;
            at += strspn(at, " ");
        }
    }
    json_decref(list);
    int rv = 0;
    if (missing.len)
        rv = err_rule(err, ERR_POLICY, "plugin.capability", "accept",
                      "the plan adds what was not accepted: %.300s; name each of it in accept", buf_cstr(&missing));
    buf_close(&missing);
    return rv;
}

/* -- showing it -- */

void plan_write_words(struct reply *reply, const char *key, const char *words)
{
    reply_key(reply, key);
    reply_array_open(reply);
    for (const char *at = words ? words + strspn(words, " ") : ""; *at;) {
        struct slice word = {at, strcspn(at, " ")};
        reply_text(reply, word);
        at += word.len;
        at += strspn(at, " ");
    }
    reply_close(reply);
}

static void write_list(struct reply *reply, const char *key, const struct vec *list)
{
    reply_key(reply, key);
    reply_array_open(reply);
    for (int i = 0; i < list->count; i++)
        reply_cstr(reply, list->items[i]);
    reply_close(reply);
}

static void write_change(struct reply *reply, const struct plan_change *c)
{
    reply_map_open(reply);
    reply_key_cstr(reply, "name", c->name);
    reply_key_cstr(reply, "from", c->from);
    reply_key_cstr(reply, "to", c->to);
    reply_key_cstr(reply, "origin", c->origin);
    reply_key_cstr(reply, "signer", c->signer);
    reply_key_cstr(reply, "sha256", c->sha256);
    reply_key_cstr(reply, "trust", c->trust);
    plan_write_words(reply, "asks", c->asks);
    plan_write_words(reply, "added", c->added);
    reply_close(reply);
}

static void write_step(struct reply *reply, const struct plan_step *step)
{
    reply_map_open(reply);
    reply_key_cstr(reply, "plugin", step->plugin);
    reply_key_cstr(reply, "migration", step->migration);
    reply_key_cstr(reply, "action", step->undo ? "undo" : "apply");
    reply_key_cstr(reply, "back", step->back);
    reply_close(reply);
}

void plan_write(const struct plan *p, int64_t stage, struct reply *reply)
{
    reply_map_open(reply);
    reply_key_int(reply, "stage", stage);
    reply_key_int(reply, "base", p->base);
    reply_key(reply, "changes");
    reply_array_open(reply);
    for (int i = 0; i < p->changes.count; i++)
        write_change(reply, p->changes.items[i]);
    reply_close(reply);
    reply_key(reply, "migrations");
    reply_array_open(reply);
    for (int i = 0; i < p->steps.count; i++)
        write_step(reply, p->steps.items[i]);
    reply_close(reply);
    reply_key_int(reply, "migrations_ms", p->migrated_ms);
    write_list(reply, "commands_added", &p->commands_added);
    write_list(reply, "commands_removed", &p->commands_removed);
    write_list(reply, "commands_changed", &p->commands_changed);
    write_list(reply, "warnings", &p->warnings);
    reply_close(reply);
}
