#include "plugin/catalog.h"

#include "plugin/object.h"
#include "plugin/spec.h"
#include "plugin/texts.h"

#include <stdlib.h>
#include <string.h>

/* Loading: host commands, the library, then every plugin's manifest; plugins are put in order of `requires`, and their
 * declarations are read in that order. Everything is checked before the registry is handed out; a failure frees all of
 * it. Afterwards it is constant, so that all threads read it without a lock; only the count of references changes. */

static const char *name_of(const void *item)
{
    /* Every declaration begins with its name. */
    return *(const char *const *)item;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(name_of(*(void *const *)a), name_of(*(void *const *)b));
}

static int by_plugin_and_name(const void *a, const void *b)
{
    const struct setting *x = *(void *const *)a, *y = *(void *const *)b;
    int order = strcmp(x->plugin, y->plugin);
    return order ? order : strcmp(x->name, y->name);
}

/* Like strcmp, for a text that is not NUL-terminated. */
static int compare(struct slice a, const char *b)
{
    size_t n = strlen(b);
    int order = memcmp(a.data, b, a.len < n ? a.len : n);
    return order ? order : a.len < n ? -1 : a.len > n;
}

static void *find(const struct vec *v, struct slice name)
{
    int low = 0, high = v->count;
    while (low < high && name.data) {
        int middle = (low + high) / 2, order = compare(name, name_of(v->items[middle]));
        if (order == 0)
            return v->items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* -- host commands -- */

static int add_native(struct registry *r, const struct native_command *native, struct err *err)
{
    struct declared_command *d = arena_alloc(&r->arena, sizeof(*d));
    struct arg *args = NULL;
    struct shape *shape = NULL;
    struct err why = {0};
    int rv = args_parse(native->args, &args, &d->command.nargs, &why);
    if (rv == 0) {
        arena_adopt(&r->arena, args);
        rv = shape_parse(native->returns, &shape, &why);
    }
    if (rv != 0)
        return err_rule(err, rv, why.rule, NULL, "host command %s: %s", native->name, why.text);
    arena_adopt(&r->arena, shape);
    d->command.name = native->name;
    d->command.plugin = "muster";
    d->command.mode = native->mode;
    d->command.args = args;
    d->command.returns = shape;
    d->command.returns_text = native->returns;
    d->command.summary_en = native->summary_en;
    d->command.summary_zh = native->summary_zh;
    d->command.native = native->run;
    vec_push(&r->commands, d);
    return 0;
}

static int add_host(struct registry *r, const struct native_command *const *lists, struct err *err)
{
    for (; lists && *lists; lists++)
        for (const struct native_command *native = *lists; native->name; native++) {
            int rv = add_native(r, native, err);
            if (rv != 0)
                return rv;
        }
    return 0;
}

/* -- sorting and the checks that need everything -- */

static void sort(struct vec *v, int (*order)(const void *, const void *))
{
    if (v->count > 1)
        qsort(v->items, (size_t)v->count, sizeof(*v->items), order);
}

static int check_twins(const struct vec *v, int (*order)(const void *, const void *), const char *what, struct err *err)
{
    for (int i = 1; i < v->count; i++)
        if (order(&v->items[i - 1], &v->items[i]) == 0)
            return err_set(err, ERR_CONFLICT, "%s %s is declared twice", what, name_of(v->items[i]));
    return 0;
}

static void count_slots(struct registry *r)
{
    for (int i = 0; i < r->commands.count; i++) {
        struct declared_command *d = r->commands.items[i];
        if (d->package)
            d->slot = ((struct package *)(uintptr_t)d->package)->plugin.commands++;
    }
    for (int i = 0; i < r->figures.count; i++) {
        struct declared_figure *d = r->figures.items[i];
        d->slot = ((struct package *)(uintptr_t)d->package)->plugin.figures++;
    }
}

static int arrange(struct registry *r, struct err *err)
{
    sort(&r->commands, by_name);
    sort(&r->figures, by_name);
    sort(&r->settings, by_plugin_and_name);
    sort(&r->roles, by_name);
    count_slots(r);
    int rv = check_twins(&r->commands, by_name, "command", err);
    if (rv == 0)
        rv = check_twins(&r->figures, by_name, "figure", err);
    if (rv == 0)
        rv = check_twins(&r->roles, by_name, "role", err);
    return rv;
}

static void destroy(struct registry *r)
{
    free(r->commands.items);
    free(r->figures.items);
    free(r->settings.items);
    free(r->roles.items);
    free(r->plugins.items);
    free(r->off.items);
    if (r->drop)
        r->drop(r->note);
    for (int i = 0; i < r->objects.count; i++)
        object_close(r->objects.items[i]);
    free(r->objects.items);
    arena_close(&r->arena);
    free(r);
}

int registry_load(const struct registry_sources *sources, int64_t generation, struct registry **out, struct err *err)
{
    *out = NULL;
    struct registry *r = mem_zalloc(sizeof(*r));
    atomic_init(&r->refs, 1);
    r->generation = generation;
    r->alone = sources->alone != NULL;
    r->library = arena_alloc(&r->arena, sizeof(*r->library));
    r->library->plugin.name = "muster";
    r->lib_dir = sources->lib_dir ? arena_text(&r->arena, slice_of(sources->lib_dir)) : NULL;
    int rv = add_host(r, sources->host, err);
    if (rv == 0 && sources->lib_dir)
        rv = files_library(&r->arena, sources->lib_dir, r->library, err);
    if (rv == 0)
        rv = load_locale(r, r->library, err);
    if (rv == 0)
        rv = gather_plugins(r, sources, err);
    if (rv == 0)
        rv = arrange(r, err);
    if (rv != 0) {
        destroy(r);
        return rv;
    }
    *out = r;
    return 0;
}

struct registry *registry_ref(struct registry *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void registry_unref(struct registry *r)
{
    if (r && atomic_fetch_sub(&r->refs, 1) == 1)
        destroy(r);
}

int64_t registry_generation(const struct registry *r)
{
    return r->generation;
}

/* -- lookups -- */

const struct command *registry_command(const struct registry *r, struct slice name)
{
    return find(&r->commands, name);
}

static int list_of(const struct vec *v, const void *out)
{
    /* The items are pointers to structs that begin with the public one. */
    memcpy((void *)(uintptr_t)out, &v->items, sizeof(v->items));
    return v->count;
}

int registry_commands(const struct registry *r, const struct command *const **out)
{
    return list_of(&r->commands, out);
}

const struct figure *registry_figure(const struct registry *r, struct slice name)
{
    return find(&r->figures, name);
}

int registry_figures(const struct registry *r, const struct figure *const **out)
{
    return list_of(&r->figures, out);
}

const struct setting *registry_setting(const struct registry *r, struct slice plugin, struct slice name)
{
    for (int i = 0; i < r->settings.count; i++) {
        const struct setting *s = r->settings.items[i];
        if (slice_is(plugin, s->plugin) && slice_is(name, s->name))
            return s;
    }
    return NULL;
}

int registry_settings(const struct registry *r, const struct setting *const **out)
{
    return list_of(&r->settings, out);
}

int registry_roles(const struct registry *r, const struct role_suggestion *const **out)
{
    return list_of(&r->roles, out);
}

int registry_off(const struct registry *r, const struct plugin_off *const **out)
{
    return list_of(&r->off, out);
}

void registry_keep(struct registry *r, void *note, void (*drop)(void *note))
{
    r->note = note;
    r->drop = drop;
}

void registry_renumber(struct registry *r, int64_t generation)
{
    r->generation = generation;
}

const void *registry_note(const struct registry *r)
{
    return r->note;
}

const struct plugin *registry_plugin(const struct registry *r, struct slice name)
{
    for (int i = 0; i < r->plugins.count; i++)
        if (slice_is(name, name_of(r->plugins.items[i])))
            return r->plugins.items[i];
    return NULL;
}

int registry_plugins(const struct registry *r, const struct plugin *const **out)
{
    return list_of(&r->plugins, out);
}

bool registry_requires(const struct registry *r, const char *plugin, const char *other)
{
    const struct plugin *p = registry_plugin(r, slice_of(plugin));
    return p && listed(p->requires, other);
}

const char *registry_suggest(const struct registry *r, struct slice name)
{
    const char *near = NULL;
    int best = 4;
    for (int i = 0; i < r->commands.count; i++) {
        const char *candidate = name_of(r->commands.items[i]);
        int d = name_distance(name, slice_of(candidate), best - 1);
        if (d < best) {
            best = d;
            near = candidate;
        }
    }
    return near;
}

static const char *phrase_of(const struct package *p, const char *english)
{
    int low = 0, high = p ? p->nphrases : 0;
    while (low < high) {
        int middle = (low + high) / 2, order = strcmp(english, p->phrases[middle].english);
        if (order == 0)
            return p->phrases[middle].chinese;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *registry_translate(const struct registry *r, const char *plugin, const char *lang, const char *fmt)
{
    if (!fmt || !lang || strcmp(lang, "zh-CN") != 0)
        return NULL;
    const char *found = NULL;
    if (plugin)
        found = phrase_of((const struct package *)(const void *)registry_plugin(r, slice_of(plugin)), fmt);
    if (!found)
        found = phrase_of(r->library, fmt);
    return found ? found : texts_chinese(fmt);
}

int registry_migrations(const struct registry *r, const char *plugin, const struct migration **out)
{
    const struct package *p = (const void *)registry_plugin(r, slice_of(plugin));
    *out = p ? p->migrations : NULL;
    return p ? p->nmigrations : 0;
}

const struct source *package_source(const struct package *p, const char *module)
{
    for (int i = 0; p && i < p->nsources; i++)
        if (strcmp(p->sources[i].name, module) == 0)
            return &p->sources[i];
    return NULL;
}

struct slice package_find(void *arg, const char *module)
{
    const struct package *p = arg;
    const char *dot = strchr(module, '.');
    if (!dot)
        return (struct slice){NULL, 0};
    struct slice owner = {module, (size_t)(dot - module)};
    const struct source *s = NULL;
    if (slice_is(owner, "muster"))
        s = package_source(p->library, dot + 1);
    else if (slice_is(owner, p->plugin.name))
        s = package_source(p, dot + 1);
    return s ? s->text : (struct slice){NULL, 0};
}

struct slice registry_file(const struct registry *r, const char *plugin, const char *module)
{
    const struct package *p =
        strcmp(plugin, "muster") == 0 ? r->library : (const void *)registry_plugin(r, slice_of(plugin));
    const struct source *s = package_source(p, module);
    return s ? s->text : (struct slice){"", 0};
}
