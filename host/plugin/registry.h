/* The registry of one generation: every plugin's declarations and sources, and the host's own commands.
 * Immutable once loaded, reference counted (atomic), shared by all threads. */
#ifndef MUSTER_PLUGIN_REGISTRY_H
#define MUSTER_PLUGIN_REGISTRY_H

#include "plugin/declare.h"
#include "store/migrate.h"

struct registry;

/* One plugin whose folder is known. */
struct plugin_place {
    const char *name, *folder;
    bool trusted; /* its native code may run in this process: bundled, or signed by one of native_keys */
};

/* A plugin that does not run, and why. */
struct plugin_off {
    const char *name;
    const char *version; /* "" when not known */
    const char *reason;
};

struct registry_sources {
    const char *plugins_dir;           /* every folder in it with a manifest.lua is a plugin; trusted */
    const struct plugin_place *places; /* more of them; one here hides one of the same name in plugins_dir */
    int nplaces;
    const char *native_dir;                   /* where NAME.so of a plugin in plugins_dir is, if not in its folder */
    const char *lib_dir;                      /* api/lib: modules `muster.NAME` */
    const struct native_command *const *host; /* NULL-terminated list of arrays, each ended by a name of NULL */
    const char *const *disabled;              /* NULL-terminated names to leave out, or NULL */
    const struct plugin_off *off; /* to leave out together with whoever requires them: registry_off tells them all */
    int noff;
    bool manifests_only; /* read the manifests and nothing more; nothing is required of anybody */
    const char *alone;   /* load just this plugin, whatever it requires, and run its code in this process: the child's
                          way of loading; NULL: all of them */
};

/* Read and check everything: manifests, declarations, requires (missing, cyclic), names, argument and shape grammar,
 * locales. `generation` is a number for audit. 0, or an error naming plugin, file and reason. */
int registry_load(const struct registry_sources *sources, int64_t generation, struct registry **out, struct err *err);
struct registry *registry_ref(struct registry *r);
void registry_unref(struct registry *r); /* NULL is fine */
int64_t registry_generation(const struct registry *r);

/* Lookups. NULL when there is none. Lists are sorted by name. */
const struct command *registry_command(const struct registry *r, struct slice name);
int registry_commands(const struct registry *r, const struct command *const **out);
const struct figure *registry_figure(const struct registry *r, struct slice name);
int registry_figures(const struct registry *r, const struct figure *const **out);
const struct setting *registry_setting(const struct registry *r, struct slice plugin, struct slice name);
int registry_settings(const struct registry *r, const struct setting *const **out);
int registry_roles(const struct registry *r, const struct role_suggestion *const **out);
const struct plugin *registry_plugin(const struct registry *r, struct slice name);
int registry_plugins(const struct registry *r,
                     const struct plugin *const **out); /* in order of `requires`: a plugin follows what it needs */
/* The plugins that were left out: those of sources->off, and whoever requires them. */
int registry_off(const struct registry *r, const struct plugin_off *const **out);
/* Something that belongs to this generation and lives as long as its registry; `drop` frees it. Once, before the
 * registry is shared. */
void registry_keep(struct registry *r, void *note, void (*drop)(void *note));
/* Before it is shared: another number. */
void registry_renumber(struct registry *r, int64_t generation);
const void *registry_note(const struct registry *r); /* NULL when there is none */
bool registry_requires(const struct registry *r, const char *plugin, const char *other);
/* The command nearest in spelling to an unknown one, or NULL when none is near. */
const char *registry_suggest(const struct registry *r, struct slice name);
/* The text for English `fmt` in `lang`, from the plugin's locale, the library's or the host's; NULL when there is none.
 */
const char *registry_translate(const struct registry *r, const char *plugin, const char *lang, const char *fmt);
/* A plugin's migrations, for migrate(). */
int registry_migrations(const struct registry *r, const char *plugin, const struct migration **out);

/* A file of a plugin ("init", "gifts" for require "fund.gifts"), or of the library with plugin "muster"; empty slice
 * when there is none. */
struct slice registry_file(const struct registry *r, const char *plugin, const char *module);

#endif
