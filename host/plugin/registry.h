/* The registry of one generation: every plugin's declarations and sources, and the host's own commands.
 * Immutable once loaded, reference counted (atomic), shared by all threads. */
#ifndef MUSTER_PLUGIN_REGISTRY_H
#define MUSTER_PLUGIN_REGISTRY_H

#include "plugin/declare.h"
#include "store/migrate.h"

struct registry;

struct registry_sources {
    const char *plugins_dir;                  /* every folder in it with a manifest.lua is a plugin */
    const char *lib_dir;                      /* api/lib: modules `muster.NAME` */
    const struct native_command *const *host; /* NULL-terminated list of arrays, each ended by a name of NULL */
    const char *const *disabled;              /* NULL-terminated names to leave out, or NULL */
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
