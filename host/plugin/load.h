/* Inside plugin/: reading declarations out of Lua tables. */
#ifndef MUSTER_PLUGIN_LOAD_H
#define MUSTER_PLUGIN_LOAD_H

#include "plugin/catalog.h"

#include <lua.h>

#define LOAD_TIMEOUT_MS_MAX 60000 /* of one command */

/* One file of one plugin being read. */
struct loading {
    struct registry *registry;
    struct package *package;
    const char *file; /* for messages */
    struct slice source;
};

/* All of these raise: a refusal that names plugin, file and reason. Indexes are absolute; `what` is what is being
 * declared. */
void load_refuse(lua_State *L, const struct loading *l, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A text field, or NULL when it is absent and not required. [-0, +0, e] */
const char *load_field(lua_State *L, const struct loading *l, int index, const char *what, const char *key,
                       bool required);
void load_summary(lua_State *L, const struct loading *l, int index, const char *what, const char **en, const char **zh);
/* A list of texts, NULL-terminated; an absent one is empty. */
const char *const *load_list(lua_State *L, const struct loading *l, int index, const char *what, const char *key);
/* Refuse keys that are not known. */
void load_check_keys(lua_State *L, const struct loading *l, int index, const char *what, const char *const *known);

/* manifest.c: take over what manifest.lua returned, the table at `index`. [-0, +0, e] */
void load_take_manifest(lua_State *L, struct loading *l, int index);
/* declare.c: take over what init.lua returned, the table at `index`. [-0, +0, e] */
void load_init(lua_State *L, struct loading *l, int index);
/* The time limit of a command that declares `ms` (0: none), within what its manifest asks for. */
int declare_timeout(const struct plugin *p, enum mode mode, int ms);

#endif
