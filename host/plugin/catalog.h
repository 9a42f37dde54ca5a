/* Inside plugin/: what a registry is made of. Written while it is loaded, constant afterwards. */
#ifndef MUSTER_PLUGIN_CATALOG_H
#define MUSTER_PLUGIN_CATALOG_H

#include "plugin/arena.h"
#include "plugin/registry.h"

#include <stdatomic.h>

#define SOURCE_BYTES_MAX (256 * 1024)

/* One file of a plugin, in memory: lanes never read the file system. */
struct source {
    const char *name; /* "init", "gifts" */
    struct slice text;
};

struct phrase {
    const char *english, *chinese;
};

/* A plugin with everything that belongs to it. Also the library (name "muster", without commands) and the host
 * ("muster"). */
struct package {
    struct plugin plugin; /* first: a struct plugin of the registry is one of these */
    struct source *sources;
    int nsources;
    struct source locale; /* zh-CN.lua, or empty */
    struct migration *migrations;
    int nmigrations;
    struct phrase *phrases; /* sorted by english */
    int nphrases;
    int index; /* in the registry's list of plugins */
    int state; /* of the sort by requires: 0 new, 1 being placed, 2 placed */
    const struct package *library;
    bool trusted;                    /* see struct plugin_place; set before the manifest is read */
    const char *native_dir;          /* where NAME.so is, if not in the folder; or NULL */
    const char *object;              /* path of NAME.so, or NULL */
    const struct registry *registry; /* that it belongs to */
};

struct declared_command {
    struct command command;        /* first */
    const struct package *package; /* NULL: the host's */
    int slot;                      /* among the package's commands, in order of names */
    struct command_kills kills;
};

struct declared_figure {
    struct figure figure; /* first */
    const struct package *package;
    int slot;
};

struct registry {
    atomic_int refs;
    int64_t generation;
    bool alone; /* see registry_sources */
    struct arena arena;
    struct package *library;
    const char *lib_dir;                           /* where it was read, or NULL */
    struct vec commands, figures, settings, roles; /* sorted by name; settings by plugin and name */
    struct vec plugins;                            /* in order of requires */
    struct vec off;                                /* struct plugin_off */
    struct vec objects;                            /* handles of C plugins' shared objects, see object.h */
    void *note;                                    /* see registry_keep */
    void (*drop)(void *note);
};

const struct source *package_source(const struct package *p, const char *module);

/* files.c: read a plugin's folder into `p` (manifest apart: its text is `manifest`) and hash it. 0, ERR_IO, ERR_TOOBIG.
 */
int files_read(struct arena *a, const char *dir, const char *name, struct package *p, struct slice *manifest,
               struct err *err);
/* Names of the folders of `dir` that hold a manifest.lua, sorted; into `names` (arena texts). */
int files_plugins(struct arena *a, const char *dir, struct vec *names, struct err *err);
/* gather.c: find the plugins, check what they require of each other, put them in order, read their declarations. */
int gather_plugins(struct registry *r, const struct registry_sources *sources, struct err *err);
/* The library's modules. */
int files_library(struct arena *a, const char *dir, struct package *p, struct err *err);

/* load.c: run manifest.lua, locale and init.lua in a throw-away sandbox and take their declarations over. */
int load_manifest(struct registry *r, struct package *p, struct slice manifest, struct err *err);
int load_locale(struct registry *r, struct package *p, struct err *err);
int load_declarations(struct registry *r, struct package *p, struct err *err);

/* The sandbox's `find`: modules of the package `arg` and of the library. */
struct slice package_find(void *arg, const char *module);

/* `[a-z][a-z0-9]*` */
bool name_is_plugin(struct slice name);
/* `plugin.verb` or `plugin.noun.verb`, each part `[a-z][a-z0-9_]*`, of this plugin. */
bool name_is_of(const char *plugin, struct slice name);

#endif
