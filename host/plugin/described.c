#include "plugin/native.h"

#include "base/utf8.h"
#include "plugin/args.h"
#include "plugin/child.h"
#include "plugin/load.h"
#include "script/jsontext.h"

#include <stdlib.h>
#include <string.h>

/* What a C plugin declares becomes commands of the registry, checked as strictly as what init.lua returns.
 *
 * The same declarations come in two ways: from the descriptor of a shared object that this process has opened, or as
 * JSON text from the process that a plugin runs in. Both end as a struct object, so that one function judges them; in
 * the second case nothing can be called here, and the runtime sends such calls to that process. */

static int refuse(const struct package *p, const char *rule, const char *command, const char *why, struct err *err)
{
    return err_rule(err, ERR_ARG, rule, NULL, "plugin %s, %s.so: %s%s%s", p->plugin.name, p->plugin.name,
                    command ? command : "", command ? ": " : "", why);
}

static bool good_text(const char *text, bool may_be_empty)
{
    return text && utf8_valid(slice_of(text)) && (may_be_empty || text[0]);
}

static const char *wrong(const struct package *p, const struct muster_command *c)
{
    if (!name_is_of(p->plugin.name, slice_of(c->name)))
        return "its name must be that of the plugin, a dot and a verb, or a noun and a verb, of a-z, 0-9 and _";
    if (c->mode != MUSTER_READ && c->mode != MUSTER_WRITE)
        return "mode must be MUSTER_READ or MUSTER_WRITE";
    if (c->flags & ~MUSTER_PURE)
        return "flags must be 0 or MUSTER_PURE";
    if ((c->flags & MUSTER_PURE) && c->mode != MUSTER_READ)
        return "a pure command changes nothing: its mode must be MUSTER_READ";
    if (!good_text(c->summary_en, false) || (c->summary_zh && !good_text(c->summary_zh, true)) ||
        (c->doc && !good_text(c->doc, true)))
        return "summary_en must not be empty; summaries and doc must be UTF-8";
    if (c->timeout_ms < 0 || c->timeout_ms > LOAD_TIMEOUT_MS_MAX)
        return "timeout_ms must be from 1 to 60000, or 0";
    if (p->plugin.asks.time_ms && c->timeout_ms > p->plugin.asks.time_ms)
        return "timeout_ms is more than the manifest asks for (asks.time_ms)";
    return NULL;
}

/* For Lua a pure command is a function, and a noun a table: a name can't be both. */
static bool is_both(const struct registry *r, const struct package *p, const struct command *c)
{
    const size_t n = strlen(c->name);
    for (int i = 0; i < r->commands.count; i++) {
        const struct declared_command *d = r->commands.items[i];
        const char *name = d->command.name;
        const size_t m = strlen(name), shorter = m < n ? m : n;
        if (d->package == p && d->command.pure && m != n && memcmp(name, c->name, shorter) == 0 &&
            (m < n ? c->name : name)[shorter] == '.')
            return true;
    }
    return false;
}

static const char *keep(struct registry *r, const char *text)
{
    return text ? arena_text(&r->arena, slice_of(text)) : NULL;
}

/* Args and reply, by the same grammar as Lua's. */
static int parse(struct registry *r, const struct package *p, const struct muster_command *c, struct command *out,
                 struct err *err)
{
    struct arg *args = NULL;
    struct shape *shape = NULL;
    struct err why = {0};
    if (args_parse(c->args, &args, &out->nargs, &why) != 0)
        return refuse(p, "native.command", c->name, why.text, err);
    arena_adopt(&r->arena, args);
    if (shape_parse(c->returns, &shape, &why) != 0)
        return refuse(p, "native.command", c->name, why.text, err);
    arena_adopt(&r->arena, shape);
    if (out->nargs > NATIVE_ARGS_MAX)
        return refuse(p, "native.command", c->name, "more than 60 arguments", err);
    for (int i = 0; i < out->nargs; i++)
        if (out->pure && args[i].type == ARG_UNIT)
            return refuse(p, "native.command", c->name,
                          "a pure command takes no unit: whether there is one is a question to the database", err);
    out->args = args;
    out->returns = shape;
    return 0;
}

static int add(struct registry *r, struct package *p, const struct muster_command *c, struct err *err)
{
    const char *why = wrong(p, c);
    if (why)
        return refuse(p, "native.command", c->name, why, err);
    struct declared_command *d = arena_alloc(&r->arena, sizeof(*d));
    struct muster_command *own = arena_alloc(&r->arena, sizeof(*own));
    struct command *out = &d->command;
    out->name = keep(r, c->name);
    *own = (struct muster_command){.name = out->name, .flags = c->flags, .run = c->run};
    out->plugin = p->plugin.name;
    out->mode = c->mode == MUSTER_WRITE ? MODE_WRITE : MODE_READ;
    out->pure = c->flags & MUSTER_PURE;
    int rv = parse(r, p, c, out, err);
    if (rv == 0 && out->pure && is_both(r, p, out))
        rv = refuse(p, "native.command", c->name, "a pure command's name can't begin another one's", err);
    if (rv != 0)
        return rv;
    out->returns_text = keep(r, c->returns);
    out->summary_en = keep(r, c->summary_en);
    out->summary_zh = keep(r, c->summary_zh);
    out->doc = keep(r, c->doc);
    out->timeout_ms = declare_timeout(&p->plugin, out->mode, c->timeout_ms);
    out->native = native_call;
    out->native_data = own;
    d->package = p;
    vec_push(&r->commands, d);
    return 0;
}

static int take(struct registry *r, struct package *p, const struct object *object, struct err *err)
{
    char why[300];
    int rv = 0;
    if (strcmp(object->name, p->plugin.name) != 0) {
        snprintf(why, sizeof(why), "its descriptor says \"%.60s\", the manifest \"%s\"", object->name, p->plugin.name);
        return refuse(p, "native.name", NULL, why, err);
    }
    if (strcmp(object->version, p->plugin.version) != 0) {
        snprintf(why, sizeof(why), "its descriptor says version %.60s, the manifest %s: build it again",
                 object->version, p->plugin.version);
        return refuse(p, "native.version", NULL, why, err);
    }
    for (size_t i = 0; i < object->count && rv == 0; i++)
        rv = add(r, p, &object->commands[i], err);
    return rv;
}

static int load_here(struct registry *r, struct package *p, struct err *err)
{
    struct object object;
    struct err why = {0};
    int rv = object_open(&r->arena, p->object, &object, &why);
    if (rv != 0)
        return err_rule(err, rv, why.rule, NULL, "plugin %s, %s", p->plugin.name, why.text);
    vec_push(&r->objects, object.handle); /* closed with the registry, whatever comes */
    return take(r, p, &object, err);
}

int native_load(struct registry *r, struct package *p, struct err *err)
{
    if (!p->object)
        return refuse(p, "native.file", NULL, "there is no such file beside the manifest, which says native = true",
                      err);
    if (p->plugin.isolation != ISOLATION_PROCESS)
        return load_here(r, p, err);
    struct buf text = {0};
    struct err why = {0};
    int rv = child_describe(p->object, &text, &why);
    if (rv == 0)
        rv = native_declare(r, p, buf_view(&text), err);
    else
        err_rule(err, rv, why.rule, NULL, "plugin %s, %s", p->plugin.name, why.text);
    buf_close(&text);
    return rv;
}

/* -- as text, between processes -- */

static json_t *command_json(const struct muster_command *c)
{
    return json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s*, s:s*, s:i}", "name", c->name, "mode", (int)c->mode, "flags",
                     (int)c->flags, "args", c->args, "returns", c->returns, "summary_en", c->summary_en, "summary_zh",
                     c->summary_zh, "doc", c->doc, "timeout_ms", (int)c->timeout_ms);
}

int native_describe(const char *path, struct buf *out, struct err *err)
{
    struct arena arena = {0};
    struct object object;
    int rv = object_open(&arena, path, &object, err);
    if (rv != 0)
        goto out;
    json_t *list = json_array();
    for (size_t i = 0; i < object.count && rv == 0; i++) {
        json_t *item = command_json(&object.commands[i]);
        if (!item || json_array_append_new(list, item) != 0)
            rv =
                err_rule(err, ERR_ARG, "native.command", NULL, "%s: command %zu: its texts must be UTF-8", path, i + 1);
    }
    json_t *whole = json_pack("{s:s, s:s, s:O}", "name", object.name, "version", object.version, "commands", list);
    if (rv == 0)
        rv = whole ? jsontext_put(whole, out)
                   : err_rule(err, ERR_ARG, "native.descriptor", NULL, "%s: name and version must be UTF-8", path);
    json_decref(whole);
    json_decref(list);
    object_close(object.handle);
out:
    arena_close(&arena);
    return rv;
}

static bool read_command(const json_t *item, struct muster_command *c)
{
    int mode, flags, timeout_ms;
    json_t *copy = (json_t *)(uintptr_t)item; /* jansson's reader takes no const; nothing is changed */
    if (json_unpack(copy, "{s:s, s:i, s:i, s:s, s:s, s:s, s?s, s?s, s:i}", "name", &c->name, "mode", &mode, "flags",
                    &flags, "args", &c->args, "returns", &c->returns, "summary_en", &c->summary_en, "summary_zh",
                    &c->summary_zh, "doc", &c->doc, "timeout_ms", &timeout_ms) != 0)
        return false;
    c->mode = mode;
    c->flags = flags;
    c->timeout_ms = timeout_ms;
    return true;
}

int native_declare(struct registry *r, struct package *p, struct slice described, struct err *err)
{
    struct object object = {0};
    struct err why = {0};
    json_t *tree = NULL, *list = NULL;
    if (jsontext_parse(described, &tree, &why) != 0)
        return refuse(p, "native.described", NULL, why.text, err);
    int rv = 0;
    if (json_unpack(tree, "{s:s, s:s, s:o}", "name", &object.name, "version", &object.version, "commands", &list) !=
            0 ||
        !json_is_array(list) || json_array_size(list) > OBJECT_COMMANDS_MAX)
        rv = refuse(p, "native.described", NULL, "its process described it in another form", err);
    if (rv == 0) {
        object.count = json_array_size(list);
        object.commands = arena_alloc(&r->arena, (object.count + 1) * sizeof(*object.commands));
    }
    for (size_t i = 0; i < object.count && rv == 0; i++)
        if (!read_command(json_array_get(list, i), &object.commands[i]))
            rv = refuse(p, "native.described", NULL, "its process described a command in another form", err);
    if (rv == 0)
        rv = take(r, p, &object, err);
    json_decref(tree);
    return rv;
}
