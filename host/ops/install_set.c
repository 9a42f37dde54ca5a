#include "ops/install_set.h"

#include "ops/install_plan.h"
#include "plugin/live.h"
#include "tls/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set is read from the database or composed from another one, changed, and loaded; then what the registry really
 * found becomes the set that is recorded. So a record never says anything that was not checked. */

enum { FOLDER_BYTES = 1024 };

static char *copy(const char *text)
{
    return text ? mem_dup(text) : NULL;
}

static void close_plugin(struct set_plugin *p)
{
    free(p->name);
    free(p->version);
    free(p->hash);
    free(p->folder);
    free(p->package_hash);
    free(p->signer);
    free(p->asks);
    free(p->off);
}

void set_close(struct set *s)
{
    for (int i = 0; i < s->count; i++)
        close_plugin(&s->plugins[i]);
    free(s->plugins);
    free(s->user);
    free(s->reason);
    free(s->state);
    free(s->why);
    plan_free(s->plan);
    *s = (struct set){0};
}

void set_copy(const struct set *from, struct set *to)
{
    *to = (struct set){.number = from->number, .previous = from->previous, .at_ms = from->at_ms};
    to->user = copy(from->user);
    to->reason = copy(from->reason);
    to->state = copy(from->state);
    to->why = copy(from->why);
    for (int i = 0; i < from->count; i++)
        set_put(to, &from->plugins[i]);
}

struct set_plugin *set_find(const struct set *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->plugins[i].name, name) == 0)
            return &s->plugins[i];
    return NULL;
}

void set_put(struct set *s, const struct set_plugin *p)
{
    const struct set_plugin fresh = {copy(p->name),         copy(p->version), copy(p->hash), copy(p->folder),
                                     copy(p->package_hash), copy(p->signer),  copy(p->asks), copy(p->off)};
    struct set_plugin *old = set_find(s, p->name);
    if (old) {
        close_plugin(old);
        *old = fresh;
        return;
    }
    int at = 0;
    while (at < s->count && strcmp(s->plugins[at].name, p->name) < 0)
        at++;
    s->plugins = mem_realloc(s->plugins, (size_t)(s->count + 1) * sizeof(*s->plugins));
    memmove(&s->plugins[at + 1], &s->plugins[at], (size_t)(s->count - at) * sizeof(*s->plugins));
    s->plugins[at] = fresh;
    s->count++;
}

void set_remove(struct set *s, const char *name)
{
    struct set_plugin *p = set_find(s, name);
    if (!p)
        return;
    close_plugin(p);
    s->count--;
    memmove(p, p + 1, (size_t)(&s->plugins[s->count] - p) * sizeof(*p));
}

void set_turn_off(struct set *s, const char *name, const char *why)
{
    struct set_plugin *p = set_find(s, name);
    if (!p && why) {
        const struct set_plugin unknown = {
            .name = (char *)(uintptr_t)name, .version = "", .hash = "", .signer = "", .asks = ""};
        set_put(s, &unknown);
        p = set_find(s, name);
    }
    if (!p)
        return;
    free(p->off);
    p->off = copy(why);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool set_same_plugin(const struct set_plugin *a, const struct set_plugin *b)
{
    bool runs_a = a && !a->off, runs_b = b && !b->off;
    if (!runs_a || !runs_b)
        return runs_a == runs_b;
    return same_text(a->hash, b->hash) && same_text(a->package_hash, b->package_hash);
}

bool set_same(const struct set *a, const struct set *b)
{
    if (a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++) {
        const struct set_plugin *x = &a->plugins[i], *y = &b->plugins[i];
        if (strcmp(x->name, y->name) != 0 || !same_text(x->off, y->off) || !same_text(x->folder, y->folder) ||
            (!x->off && !set_same_plugin(x, y)))
            return false;
    }
    return true;
}

/* -- what it may do -- */

static void add_word(struct buf *out, const char *kind, const char *word)
{
    buf_fmt(out, "%s%s%s%s", out->len ? " " : "", kind, word ? ":" : "", word ? word : "");
}

static void add_words(struct buf *out, const char *kind, const char *const *words)
{
    for (; words && *words; words++)
        add_word(out, kind, *words);
}

const char *install_trust(const struct plugin *p)
{
    if (p->isolation == ISOLATION_PROCESS)
        return "process";
    return p->native ? "native" : "lua";
}

void install_asks(const struct plugin *p, struct buf *out)
{
    char number[16];
    if (p->native)
        add_word(out, p->isolation == ISOLATION_PROCESS ? "process" : "native", NULL);
    if (p->units)
        add_word(out, "units", NULL);
    add_words(out, "commands", p->asks.commands);
    add_words(out, "effects", p->asks.effects);
    add_words(out, "secrets", p->asks.secrets);
    snprintf(number, sizeof(number), "%d", p->asks.memory_mib);
    if (p->asks.memory_mib)
        add_word(out, "memory_mib", number);
    snprintf(number, sizeof(number), "%d", p->asks.time_ms);
    if (p->asks.time_ms)
        add_word(out, "time_ms", number);
}

/* "memory_mib:64" → the length of its kind with the colon, for kinds that are numbers; else 0. */
static size_t number_kind(struct slice word)
{
    static const char *const kinds[] = {"memory_mib:", "time_ms:"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (word.len > strlen(kinds[i]) && memcmp(word.data, kinds[i], strlen(kinds[i])) == 0)
            return strlen(kinds[i]);
    return 0;
}

static bool next_word(const char **at, struct slice *word)
{
    *at += strspn(*at, " ");
    *word = (struct slice){*at, strcspn(*at, " ")};
    *at += word->len;
    return word->len > 0;
}

static bool covers(const char *before, struct slice wanted)
{
    struct slice word;
    size_t kind = number_kind(wanted);
    while (next_word(&before, &word)) {
        if (slice_eq(word, wanted))
            return true;
        if (kind && word.len > kind && memcmp(word.data, wanted.data, kind) == 0 &&
            atoi(word.data + kind) >= atoi(wanted.data + kind))
            return true;
    }
    return false;
}

void install_added(const char *before, const char *now, struct buf *out)
{
    struct slice word;
    while (next_word(&now, &word))
        if (!covers(before, word))
            buf_fmt(out, "%s%.*s", out->len ? " " : "", (int)word.len, word.data);
}

/* -- loading -- */

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

struct sources {
    struct registry_sources sources;
    struct live *live;
    struct plugin_place *places;
    struct plugin_off *off;
    char (*folders)[FOLDER_BYTES];
};

static void close_sources(struct sources *s)
{
    free(s->places);
    free(s->live);
    free(s->off);
    free(s->folders);
}

/* What is being written stands in for what came with the program, never for a package: the record of that would be lost. */
static int add_live(const struct site *site, const struct set *set, struct sources *s, struct err *err)
{
    struct registry_sources *to = &s->sources;
    s->live = mem_zalloc(sizeof(*s->live));
    int rv = live_find(site->live_dir, s->live, err);
    for (int i = 0; rv == 0 && i < s->live->count; i++) {
        const struct live_plugin *p = &s->live->plugins[i];
        const struct set_plugin *known = set_find(set, p->name);
        if (known && known->folder)
            return err_rule(err, ERR_STATE, "live.installed", NULL,
                            "plugin %s is installed here from a package; write it on a data folder of its own, or "
                            "`muster plugin remove %s` first",
                            p->name, p->name);
        s->places[to->nplaces++] = (struct plugin_place){p->name, p->folder, true};
    }
    return rv;
}

static int make_sources(const struct site *site, const struct set *set, struct sources *s, struct err *err)
{
    size_t room = (size_t)set->count + LIVE_PLUGINS_MAX + 1;
    s->places = mem_zalloc(room * sizeof(*s->places));
    s->off = mem_zalloc(room * sizeof(*s->off));
    s->folders = mem_zalloc(room * sizeof(*s->folders));
    s->sources = (struct registry_sources){.plugins_dir = site->bundled_dir,
                                           .native_dir = site->native_dir,
                                           .lib_dir = site->lib_dir,
                                           .host = site->host,
                                           .places = s->places,
                                           .off = s->off};
    struct registry_sources *to = &s->sources;
    for (int i = 0; i < set->count; i++) {
        const struct set_plugin *p = &set->plugins[i];
        if (p->off) {
            s->off[to->noff++] = (struct plugin_off){p->name, p->version, p->off};
        } else if (p->folder) {
            char *folder = s->folders[to->nplaces];
            if (snprintf(folder, FOLDER_BYTES, "%s/%s", site->data_dir, p->folder) >= FOLDER_BYTES)
                return err_set(err, ERR_ARG, "%s/%s: path too long", site->data_dir, p->folder);
            s->places[to->nplaces++] =
                (struct plugin_place){p->name, folder, p->signer[0] && listed(site->native_keys, p->signer)};
        }
    }
    return site->live_dir ? add_live(site, set, s, err) : 0;
}

static void put_running(struct set *to, const struct set *from, const struct plugin *p)
{
    char hash[65];
    struct buf asks = {0};
    hex_encode(p->hash, sizeof(p->hash), hash);
    install_asks(p, &asks);
    const struct set_plugin *known = set_find(from, p->name);
    bool package = known && known->folder;
    const struct set_plugin fresh = {
        .name = (char *)(uintptr_t)p->name,
        .version = (char *)(uintptr_t)p->version,
        .hash = hash,
        .folder = package ? known->folder : NULL,
        .package_hash = package ? known->package_hash : NULL,
        .signer = package ? known->signer : "",
        .asks = (char *)(uintptr_t)buf_cstr(&asks),
    };
    set_put(to, &fresh);
    buf_close(&asks);
}

/* One that is off keeps what is known of it, so that it can be turned on again. */
static void put_off(struct set *to, const struct set *from, const struct plugin_off *off)
{
    const struct set_plugin *known = set_find(from, off->name);
    struct set_plugin fresh = known ? *known : (struct set_plugin){.hash = "", .signer = "", .asks = ""};
    fresh.name = (char *)(uintptr_t)off->name;
    if (off->version[0] || !known)
        fresh.version = (char *)(uintptr_t)off->version;
    fresh.off = (char *)(uintptr_t)off->reason;
    set_put(to, &fresh);
}

static void drop_set(void *note)
{
    set_close(note);
    free(note);
}

static void keep_set(struct registry *r, const struct set *set)
{
    struct set head = *set, *found = mem_zalloc(sizeof(*found));
    head.count = 0;
    set_copy(&head, found);
    const struct plugin *const *plugins;
    const struct plugin_off *const *off;
    int count = registry_plugins(r, &plugins);
    for (int i = 0; i < count; i++)
        put_running(found, set, plugins[i]);
    count = registry_off(r, &off);
    for (int i = 0; i < count; i++)
        put_off(found, set, off[i]);
    registry_keep(r, found, drop_set);
}

int set_load(const struct site *site, const struct set *set, struct registry **out, struct err *err)
{
    struct sources s = {0};
    *out = NULL;
    int rv = make_sources(site, set, &s, err);
    if (rv == 0)
        rv = registry_load(&s.sources, set->number, out, err);
    if (rv == 0)
        keep_set(*out, set);
    close_sources(&s);
    return rv;
}

const struct set *registry_set(const struct registry *r)
{
    return registry_note(r);
}

int set_migrate(struct store *s, const struct registry *r, struct err *err)
{
    const struct plugin *const *plugins;
    int rv = 0, count = registry_plugins(r, &plugins);
    for (int i = 0; rv >= 0 && i < count; i++) {
        const struct migration *list;
        int n = registry_migrations(r, plugins[i]->name, &list);
        rv = migrate_within(s, plugins[i]->name, list, n, err);
    }
    return rv < 0 ? rv : 0;
}
