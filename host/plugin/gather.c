#include "plugin/catalog.h"

#include "plugin/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which plugins a registry is made of, and in which order.
 *
 * Manifests are read first: of the folders in plugins_dir, then of the places, which hide folders of the same name.
 * What is left out takes along whoever requires it. Of the rest every requirement must be there in a version that its
 * range holds; plugins are put behind what they require, and their declarations are read in that order. A refusal names
 * everyone who has a say: who requires what, and what is there. */

enum { FOLDER_BYTES = 1024 };

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static const struct plugin_off *find_off(const struct registry *r, const char *name)
{
    for (int i = 0; i < r->off.count; i++) {
        const struct plugin_off *off = r->off.items[i];
        if (strcmp(off->name, name) == 0)
            return off;
    }
    return NULL;
}

static bool hidden(const struct registry_sources *sources, const char *name)
{
    for (int i = 0; i < sources->nplaces; i++)
        if (strcmp(sources->places[i].name, name) == 0)
            return true;
    return false;
}

static bool wanted(const struct registry *r, const struct registry_sources *sources, const char *name)
{
    if (sources->alone)
        return strcmp(sources->alone, name) == 0;
    return !listed(sources->disabled, name) && !find_off(r, name);
}

/* -- manifests -- */

static int read_manifest(struct registry *r, const struct plugin_place *place, struct package *p, struct err *err)
{
    char parent[FOLDER_BYTES];
    const char *slash = strrchr(place->folder, '/');
    int len =
        snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - place->folder) : 1, slash ? place->folder : ".");
    if (len >= FOLDER_BYTES)
        return err_set(err, ERR_ARG, "%s: path too long", place->folder);
    struct slice manifest;
    int rv = files_read(&r->arena, parent, slash ? slash + 1 : place->folder, p, &manifest, err);
    return rv == 0 ? load_manifest(r, p, manifest, err) : rv;
}

static int add_manifest(struct registry *r, const struct plugin_place *place, const char *native_dir, struct vec *found,
                        struct err *err)
{
    struct package *p = arena_alloc(&r->arena, sizeof(*p));
    if (!name_is_plugin(slice_of(place->name)) || strcmp(place->name, "muster") == 0)
        return err_set(err, ERR_ARG, "plugin folder %s: a plugin's name is [a-z][a-z0-9]*, and not muster",
                       place->folder);
    p->plugin.counters = arena_alloc(&r->arena, sizeof(*p->plugin.counters));
    p->plugin.name = arena_text(&r->arena, slice_of(place->name));
    p->plugin.folder = arena_text(&r->arena, slice_of(place->folder));
    p->trusted = place->trusted;
    p->native_dir = native_dir ? arena_text(&r->arena, slice_of(native_dir)) : NULL;
    p->library = r->library;
    int rv = read_manifest(r, place, p, err);
    if (r->alone)
        p->plugin.isolation = ISOLATION_NONE; /* here is where it is apart from others */
    if (rv == 0)
        vec_push(found, p);
    return rv;
}

static int add_bundled(struct registry *r, const struct registry_sources *sources, struct vec *found, struct err *err)
{
    struct vec names = {0};
    int rv = sources->plugins_dir ? files_plugins(&r->arena, sources->plugins_dir, &names, err) : 0;
    for (int i = 0; i < names.count && rv == 0; i++) {
        char folder[FOLDER_BYTES];
        const struct plugin_place place = {.name = names.items[i], .folder = folder, .trusted = true};
        if (!wanted(r, sources, place.name) || hidden(sources, place.name))
            continue;
        if (snprintf(folder, sizeof(folder), "%s/%s", sources->plugins_dir, place.name) >= FOLDER_BYTES)
            rv = err_set(err, ERR_ARG, "%s/%s: path too long", sources->plugins_dir, place.name);
        else
            rv = add_manifest(r, &place, sources->native_dir, found, err);
    }
    free(names.items);
    return rv;
}

/* -- who may stay -- */

static struct package *find(const struct vec *found, const char *name)
{
    for (int i = 0; i < found->count; i++) {
        struct package *p = found->items[i];
        if (strcmp(p->plugin.name, name) == 0)
            return p;
    }
    return NULL;
}

static void leave_out(struct registry *r, const char *name, const char *version, const char *reason)
{
    struct plugin_off *off = arena_alloc(&r->arena, sizeof(*off));
    off->name = arena_text(&r->arena, slice_of(name));
    off->version = arena_text(&r->arena, slice_of(version ? version : ""));
    off->reason = arena_text(&r->arena, slice_of(reason));
    vec_push(&r->off, off);
}

/* Does it require something that was left out? Then why, in words; NULL when not. */
static const char *must_go(struct registry *r, const struct package *p)
{
    for (const char *const *need = p->plugin.requires; need && *need; need++) {
        char why[200];
        if (!find_off(r, *need))
            continue;
        snprintf(why, sizeof(why), "requires %s, which is off", *need);
        return arena_text(&r->arena, slice_of(why));
    }
    return NULL;
}

static void drop_dependents(struct registry *r, struct vec *found)
{
    for (int i = 0; i < found->count; i++) {
        struct package *p = found->items[i];
        const char *why = must_go(r, p);
        if (!why)
            continue;
        leave_out(r, p->plugin.name, p->plugin.version, why);
        found->count--;
        memmove(&found->items[i], &found->items[i + 1], (size_t)(found->count - i) * sizeof(*found->items));
        i = -1; /* others may require this one */
    }
}

/* -- what they require of each other -- */

static const char *range_of(const struct package *p, int i)
{
    const char *const *ranges = p->plugin.requires_ranges;
    return ranges && ranges[i] && ranges[i][0] ? ranges[i] : "*";
}

/* ", fund 1.2.0 (>=2), …": everyone else who has a say on `name`. */
static void list_others(const struct vec *found, const struct package *but, const char *name, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; i < found->count; i++) {
        const struct package *p = found->items[i];
        for (int k = 0; p != but && p->plugin.requires && p->plugin.requires[k] && len < size; k++)
            if (strcmp(p->plugin.requires[k], name) == 0)
                len += (size_t)snprintf(out + len, size - len, "%s%s %s asks for %s", len ? ", " : "; ", p->plugin.name,
                                        p->plugin.version, range_of(p, k));
    }
}

static int check_need(const struct vec *found, const struct package *p, int nth, const struct package **out,
                      struct err *err)
{
    const char *name = p->plugin.requires[nth], *range = range_of(p, nth);
    const struct package *other = find(found, name);
    struct version version;
    *out = other;
    if (!other)
        return err_rule(err, ERR_NOTFOUND, "plugin.missing", NULL,
                        "plugin %s, manifest.lua: requires plugin %s, which is missing or disabled%s%s", p->plugin.name,
                        name, strcmp(range, "*") ? "; wanted is " : "", strcmp(range, "*") ? range : "");
    if (strcmp(range, "*") == 0)
        return 0;
    int rv = version_parse(slice_of(other->plugin.version), &version, err);
    if (rv == 0 && !range_holds(slice_of(range), &version)) {
        char others[240];
        list_others(found, p, name, others, sizeof(others));
        rv = err_rule(err, ERR_STATE, "plugin.range", NULL, "plugin %s %s requires %s %s, but %s %s is here%s",
                      p->plugin.name, p->plugin.version, name, range, name, other->plugin.version, others);
    }
    return rv;
}

static int refuse_circle(const struct vec *path, const struct package *p, struct err *err)
{
    char circle[300] = "";
    size_t len = 0;
    int from = 0;
    while (path->items[from] != p)
        from++;
    for (int i = from; i < path->count && len < sizeof(circle); i++)
        len += (size_t)snprintf(circle + len, sizeof(circle) - len, "%s requires ",
                                ((const struct package *)path->items[i])->plugin.name);
    return err_rule(err, ERR_STATE, "plugin.cycle", NULL, "plugin %s, manifest.lua: requires itself in a circle: %s%s",
                    p->plugin.name, circle, p->plugin.name);
}

/* Put `p` behind everything it requires. `path` is how we came here. */
static int place(struct registry *r, const struct vec *found, struct package *p, struct vec *path, struct err *err)
{
    int rv = 0;
    if (p->state == 2)
        return 0;
    if (p->state == 1)
        return refuse_circle(path, p, err);
    p->state = 1;
    vec_push(path, p);
    for (int i = 0; rv == 0 && p->plugin.requires && p->plugin.requires[i] && !r->alone; i++) {
        const struct package *other;
        rv = check_need(found, p, i, &other, err);
        if (rv == 0)
            rv = place(r, found, (struct package *)(uintptr_t)other, path, err);
    }
    path->count--;
    p->state = 2;
    p->index = r->plugins.count;
    if (rv == 0)
        vec_push(&r->plugins, p);
    return rv;
}

static int read_declarations(struct registry *r, struct err *err)
{
    int rv = 0;
    for (int i = 0; i < r->plugins.count && rv == 0; i++) {
        rv = load_locale(r, r->plugins.items[i], err);
        if (rv == 0)
            rv = load_declarations(r, r->plugins.items[i], err);
    }
    return rv;
}

int gather_plugins(struct registry *r, const struct registry_sources *sources, struct err *err)
{
    struct vec found = {0}, path = {0};
    for (int i = 0; i < sources->noff; i++)
        leave_out(r, sources->off[i].name, sources->off[i].version, sources->off[i].reason);
    int rv = add_bundled(r, sources, &found, err);
    for (int i = 0; i < sources->nplaces && rv == 0; i++)
        if (wanted(r, sources, sources->places[i].name))
            rv = add_manifest(r, &sources->places[i], r->alone ? sources->native_dir : NULL, &found, err);
    if (rv == 0 && !r->alone)
        drop_dependents(r, &found);
    for (int i = 0; i < found.count && rv == 0; i++) {
        if (sources->manifests_only)
            vec_push(&r->plugins, found.items[i]);
        else
            rv = place(r, &found, found.items[i], &path, err);
    }
    if (rv == 0 && !sources->manifests_only)
        rv = read_declarations(r, err);
    free(found.items);
    free(path.items);
    return rv;
}
