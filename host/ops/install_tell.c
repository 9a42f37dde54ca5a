#include "ops/install_commands.h"

#include "base/clock.h"
#include "ops/install_plan.h"
#include "ops/install_record.h"
#include "ops/install_start.h"
#include "plugin/shelf.h"
#include "tls/random.h"
#include "tls/sign.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* What runs, where it came from, and whether it still is what it was. A lane tells of the generation that it runs: its
 * set belongs to the registry, so that most of this needs no look into the database. */

static void write_requires(struct reply *reply, const struct plugin *p)
{
    char text[160];
    reply_key(reply, "requires");
    reply_array_open(reply);
    for (int i = 0; p && p->requires && p->requires[i]; i++) {
        const char *range = p->requires_ranges ? p->requires_ranges[i] : "*";
        bool any = !range || !*range || strcmp(range, "*") == 0;
        snprintf(text, sizeof(text), "%s%s%s", p->requires[i], any ? "" : " ", any ? "" : range);
        reply_cstr(reply, text);
    }
    reply_close(reply);
}

static void write_hash(struct reply *reply, const struct plugin *p)
{
    char hash[65] = "";
    if (p)
        hex_encode(p->hash, sizeof(p->hash), hash);
    reply_key_cstr(reply, "sha256", hash);
}

static const char *summary_of(const struct call *call, const struct plugin *p)
{
    return in_chinese(call) && p->summary_zh ? p->summary_zh : p->summary_en;
}

/* What is there: of the running registry, or, in safe mode, what is recorded, all of it off. `own` is to be closed. */
static int read_set(const struct call *call, struct set *own, const struct set **out, struct err *err)
{
    const struct calls *c = calls_of(call);
    int64_t last = 0;
    *own = (struct set){0};
    *out = registry_set(c->registry);
    if (*out || !c->site || !c->site->safe_mode)
        return 0;
    int rv = record_last(call->store, &last, err);
    if (rv == 0)
        rv = record_read(call->store, last, own, err);
    for (int i = 0; i < own->count; i++)
        if (!own->plugins[i].off)
            set_turn_off(own, own->plugins[i].name, "safe mode");
    *out = own;
    return rv < 0 ? rv : 0;
}

/* -- plugin.list -- */

static int64_t get(_Atomic int64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* What its code did wrong; what it refused is not counted. */
static int64_t errors_of(struct plugin_counters *n)
{
    return get(&n->faults) + get(&n->killed_time) + get(&n->killed_memory) + get(&n->crashes);
}

/* `known` is NULL on a host that was not started from a record, `p` for a plugin that is off. */
static void write_line(const struct call *call, const struct set_plugin *known, const struct plugin *p,
                       struct reply *reply)
{
    reply_map_open(reply);
    reply_key_cstr(reply, "name", p ? p->name : known->name);
    reply_key_cstr(reply, "version", p ? p->version : known->version);
    reply_key_cstr(reply, "state", p ? "on" : "off");
    reply_key_cstr(reply, "why", p ? NULL : known->off);
    reply_key_cstr(reply, "origin", known && known->folder ? "package" : "bundled");
    reply_key_cstr(reply, "trust", p ? install_trust(p) : NULL);
    reply_key_cstr(reply, "signer", known && known->signer && known->signer[0] ? known->signer : NULL);
    write_requires(reply, p);
    reply_key_int(reply, "commands", p ? p->commands : 0);
    reply_key_int(reply, "figures", p ? p->figures : 0);
    reply_key_int(reply, "calls", p ? get(&p->counters->calls) : 0);
    reply_key_int(reply, "errors", p ? errors_of(p->counters) : 0);
    reply_key_int(reply, "run_us", p ? get(&p->counters->run_us) : 0);
    reply_key_int(reply, "memory_peak", p ? get(&p->counters->memory_peak) : 0);
    write_hash(reply, p);
    reply_key_cstr(reply, "summary", p ? summary_of(call, p) : NULL);
    reply_close(reply);
}

int install_list(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct registry *r = calls_of(call)->registry;
    struct set own;
    const struct set *set;
    const struct plugin *const *plugins;
    int rv = read_set(call, &own, &set, err), count = registry_plugins(r, &plugins);
    (void)args;
    reply_array_open(reply);
    for (int i = 0; i < count; i++)
        write_line(call, set ? set_find(set, plugins[i]->name) : NULL, plugins[i], reply);
    for (int i = 0; set && i < set->count; i++)
        if (set->plugins[i].off)
            write_line(call, &set->plugins[i], NULL, reply);
    reply_close(reply);
    set_close(&own);
    return rv;
}

/* -- plugin.show -- */

static void write_required_by(struct reply *reply, const struct registry *r, const char *name)
{
    const struct plugin *const *plugins;
    int count = registry_plugins(r, &plugins);
    reply_key(reply, "required_by");
    reply_array_open(reply);
    for (int i = 0; i < count; i++)
        if (registry_requires(r, plugins[i]->name, name))
            reply_cstr(reply, plugins[i]->name);
    reply_close(reply);
}

static void write_commands(struct reply *reply, const struct registry *r, const char *name)
{
    const struct command *const *commands;
    const struct figure *const *figures;
    int count = registry_commands(r, &commands);
    reply_key(reply, "commands");
    reply_array_open(reply);
    for (int i = 0; i < count; i++)
        if (strcmp(commands[i]->plugin, name) == 0)
            reply_cstr(reply, commands[i]->name);
    reply_close(reply);
    count = registry_figures(r, &figures);
    reply_key(reply, "figures");
    reply_array_open(reply);
    for (int i = 0; i < count; i++)
        if (strcmp(figures[i]->plugin, name) == 0)
            reply_cstr(reply, figures[i]->name);
    reply_close(reply);
}

static void write_counters(struct reply *reply, struct plugin_counters *n)
{
    reply_key(reply, "counters");
    reply_map_open(reply);
    reply_key_int(reply, "calls", get(&n->calls));
    reply_key_int(reply, "refused", get(&n->refused));
    reply_key_int(reply, "faults", get(&n->faults));
    reply_key_int(reply, "killed_time", get(&n->killed_time));
    reply_key_int(reply, "killed_memory", get(&n->killed_memory));
    reply_key_int(reply, "crashes", get(&n->crashes));
    reply_key_int(reply, "run_us", get(&n->run_us));
    reply_key_int(reply, "memory_peak", get(&n->memory_peak));
    reply_close(reply);
}

static void write_shown(const struct call *call, const struct set_plugin *known, const struct plugin *p,
                        const char *name, struct reply *reply)
{
    const struct registry *r = calls_of(call)->registry;
    struct plugin_counters none = {0};
    struct buf asks = {0};
    if (p)
        install_asks(p, &asks);
    reply_map_open(reply);
    reply_key_cstr(reply, "name", name);
    reply_key_cstr(reply, "version", p ? p->version : known->version);
    reply_key_cstr(reply, "state", p ? "on" : "off");
    reply_key_cstr(reply, "why", p ? NULL : known->off);
    reply_key_cstr(reply, "origin", known && known->folder ? "package" : "bundled");
    reply_key_cstr(reply, "folder", known ? known->folder : NULL);
    reply_key_cstr(reply, "trust", p ? install_trust(p) : NULL);
    reply_key_cstr(reply, "signer", known && known->signer && known->signer[0] ? known->signer : NULL);
    write_requires(reply, p);
    write_required_by(reply, r, name);
    plan_write_words(reply, "asks", p ? buf_cstr(&asks) : known->asks);
    reply_key_cstr(reply, "health", p ? p->health : NULL);
    write_hash(reply, p);
    reply_key_cstr(reply, "package_sha256", known ? known->package_hash : NULL);
    write_commands(reply, r, name);
    write_counters(reply, p ? p->counters : &none);
    reply_key_cstr(reply, "summary", p ? summary_of(call, p) : NULL);
    reply_close(reply);
    buf_close(&asks);
}

int install_show(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct plugin *p = registry_plugin(calls_of(call)->registry, args[0].s);
    struct set own;
    const struct set *set;
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)args[0].s.len, args[0].s.data);
    int rv = read_set(call, &own, &set, err);
    const struct set_plugin *known = set ? set_find(set, name) : NULL;
    if (rv == 0 && !p && !known)
        rv = err_rule(err, ERR_NOTFOUND, "plugin.absent", "name",
                      "there is no plugin %s; plugin.list shows what there is", name);
    if (rv == 0)
        write_shown(call, known, p, name, reply);
    set_close(&own);
    return rv;
}

/* -- plugin.generations -- */

static int64_t changed_at(struct store *s, int64_t number, struct err *err)
{
    struct value v;
    struct buf keep = {0};
    const struct value arg = value_int(number);
    int rv =
        store_value(s, NULL, SLICE("SELECT changed_at FROM muster_generation WHERE id = ?"), &arg, 1, &v, &keep, err);
    buf_close(&keep);
    return rv == 1 ? v.i : 0;
}

static void write_generation(const struct set *set, int64_t changed, bool running, struct reply *reply)
{
    reply_map_open(reply);
    reply_key_int(reply, "generation", set->number);
    reply_key_int(reply, "at", set->at_ms);
    reply_key_cstr(reply, "user", set->user);
    reply_key_cstr(reply, "reason", set->reason);
    reply_key_cstr(reply, "state", set->state);
    reply_key_cstr(reply, "why", set->why);
    reply_key_int(reply, "changed_at", changed);
    reply_key(reply, "previous");
    if (set->previous)
        reply_int(reply, set->previous);
    else
        reply_null(reply);
    reply_key_bool(reply, "running", running);
    reply_key(reply, "plugins");
    reply_array_open(reply);
    for (int i = 0; i < set->count; i++) {
        const struct set_plugin *p = &set->plugins[i];
        reply_map_open(reply);
        reply_key_cstr(reply, "name", p->name);
        reply_key_cstr(reply, "version", p->version);
        reply_key_cstr(reply, "origin", p->folder ? "package" : "bundled");
        reply_key_cstr(reply, "off", p->off);
        reply_close(reply);
    }
    reply_close(reply);
    reply_close(reply);
}

int install_generations(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int64_t number = 0, running = registry_generation(calls_of(call)->registry);
    int rv = guard_whole_server(call, err);
    if (rv == 0)
        rv = record_last(call->store, &number, err);
    reply_array_open(reply);
    for (int64_t shown = 0; rv == 0 && number > 0 && shown < args[0].i; number--) {
        struct set set;
        rv = record_read(call->store, number, &set, err);
        if (rv == 1) {
            write_generation(&set, changed_at(call->store, number, err), number == running, reply);
            shown++;
        }
        rv = rv < 0 ? rv : 0;
        set_close(&set);
    }
    reply_close(reply);
    return rv;
}

/* -- plugin.verify, plugin.purge, plugin.keys -- */

/* The plugins that came with the program, as their folders are now. */
static struct registry *read_bundled(const struct site *site)
{
    const struct registry_sources sources = {.plugins_dir = site->bundled_dir,
                                             .native_dir = site->native_dir,
                                             .lib_dir = site->lib_dir,
                                             .manifests_only = true};
    struct registry *r = NULL;
    struct err err = {0};
    return registry_load(&sources, 0, &r, &err) == 0 ? r : NULL;
}

static int verify_bundled(const struct registry *now, const struct set_plugin *p, struct err *err)
{
    char hash[65] = "";
    const struct plugin *plugin = now ? registry_plugin(now, slice_of(p->name)) : NULL;
    if (plugin)
        hex_encode(plugin->hash, sizeof(plugin->hash), hash);
    return strcmp(hash, p->hash) == 0 ? 0
                                      : err_rule(err, ERR_CONFLICT, "package.changed", NULL,
                                                 "the files of %s were changed since the server was started", p->name);
}

int install_verify_all(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct calls *c = calls_of(call);
    const struct set *set = registry_set(c->registry);
    int rv = install_guard(call, err), shown = 0;
    if (rv != 0)
        return rv;
    struct registry *now = read_bundled(c->site);
    reply_array_open(reply);
    for (int i = 0; set && i < set->count; i++) {
        const struct set_plugin *p = &set->plugins[i];
        struct err why = {0};
        if ((args[0].type != VALUE_NULL && !slice_is(args[0].s, p->name)) || (p->off && !p->folder))
            continue;
        bool ok = (p->folder ? install_verify(c->site, call->store, p, &why) : verify_bundled(now, p, &why)) == 0;
        shown++;
        reply_map_open(reply);
        reply_key_cstr(reply, "name", p->name);
        reply_key_cstr(reply, "version", p->version);
        reply_key_bool(reply, "ok", ok);
        reply_key_cstr(reply, "why", ok ? NULL : why.text);
        reply_close(reply);
    }
    reply_close(reply);
    registry_unref(now);
    return shown || args[0].type == VALUE_NULL
               ? 0
               : err_rule(err, ERR_NOTFOUND, "plugin.absent", "name", "there is no plugin %.*s to verify",
                          (int)args[0].s.len, args[0].s.data);
}

static int write_table(struct call *call, const char *table, struct reply *reply, struct err *err)
{
    struct buf sql = {0}, keep = {0};
    struct value rows = {0};
    buf_fmt(&sql, "SELECT count(*) FROM \"%s\"", table);
    int rv = store_value(call->store, NULL, buf_view(&sql), NULL, 0, &rows, &keep, err);
    reply_map_open(reply);
    reply_key_cstr(reply, "table", table);
    reply_key_int(reply, "rows", rows.i);
    reply_close(reply);
    buf_close(&sql);
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

int install_tables(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct buf names = {0};
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)args[0].s.len, args[0].s.data);
    int rv = install_guard(call, err);
    if (rv == 0)
        rv = migrate_tables(call->store, name, &names, err);
    if (rv > 0)
        rv = 0;
    reply_array_open(reply);
    for (size_t at = 0; rv == 0 && at < names.len; at += strlen(names.data + at) + 1)
        rv = write_table(call, names.data + at, reply, err);
    reply_close(reply);
    buf_close(&names);
    return rv;
}

int install_purge(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct set *set = registry_set(calls_of(call)->registry);
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)args[0].s.len, args[0].s.data);
    int rv = install_guard(call, err);
    if (rv == 0 && !set)
        rv = err_rule(err, ERR_STATE, "plugin.safe_mode", NULL,
                      "in safe mode it is not known which plugins there are; start without it");
    if (rv == 0 && set_find(set, name))
        rv = err_rule(err, ERR_STATE, "plugin.present", "name", "%s is installed; remove it first", name);
    if (rv == 0)
        rv = migrate_purge(call->store, name, err);
    if (rv == 0)
        rv = err_rule(err, ERR_NOTFOUND, "plugin.no_tables", "name", "there are no tables of a plugin %s", name);
    if (rv < 0)
        return rv;
    reply_map_open(reply);
    reply_key_int(reply, "tables", rv);
    reply_close(reply);
    const struct value arg = value_cstr(name);
    rv = store_run(call->store, "DELETE FROM muster_series WHERE plugin = ?", &arg, 1, err);
    return rv == 0 ? store_run(call->store, "DELETE FROM muster_setting WHERE plugin = ?", &arg, 1, err) : rv;
}

static bool listed(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static void write_key(const struct site *site, const char *dir, const char *file, struct reply *reply)
{
    char path[2 * SHELF_PATH_BYTES], name[200], pem[4096], id[17] = "";
    struct err ignored = {0};
    snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 4), file);
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(pem, 1, sizeof(pem), f) : 0;
    if (f)
        fclose(f);
    if (sign_key_id((struct slice){pem, n}, id, &ignored) != 0)
        return;
    reply_map_open(reply);
    reply_key_cstr(reply, "name", name);
    reply_key_cstr(reply, "key_id", id);
    reply_key_bool(reply, "native", listed(site->native_keys, name));
    reply_close(reply);
}

int install_keys(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct site *site = calls_of(call)->site;
    char dir[SHELF_PATH_BYTES];
    (void)args;
    int rv = install_guard(call, err);
    if (rv != 0)
        return rv;
    snprintf(dir, sizeof(dir), "%s/keys", site->data_dir);
    DIR *d = opendir(dir);
    reply_array_open(reply);
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 4 && e->d_name[0] != '.' && strcmp(e->d_name + n - 4, ".pem") == 0)
            write_key(site, dir, e->d_name, reply);
    }
    reply_close(reply);
    if (d)
        closedir(d);
    return 0;
}
