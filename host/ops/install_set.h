/* Sets of plugins: what a generation is made of, and how it becomes a registry. Inside ops/ and for cli/. */
#ifndef MUSTER_OPS_INSTALL_SET_H
#define MUSTER_OPS_INSTALL_SET_H

#include "plugin/site.h"

/* The state of a generation: watched, proved, given up because its plugins were unwell, or left for another one. */
#define STATE_PROBATION "probation"
#define STATE_GOOD "good"
#define STATE_FAILED "failed"
#define STATE_LEFT "left"

/* Why a plugin of a set is off. The first is what an operator decided, and stays; the others are found anew at each
 * start. */
#define OFF_DISABLED "disabled"
#define OFF_CONFIG "disabled by the configuration"
#define OFF_QUARANTINE "quarantine: "
#define OFF_CHANGED "changed: "

struct set_plugin {
    char *name, *version;
    char *hash;         /* SHA-256 over what runs, hex; "" when it was never read */
    char *folder;       /* relative to the data folder; NULL: it came with the program */
    char *package_hash; /* NULL: it came with the program */
    char *signer;       /* of its package: a key's name, or "" */
    char *asks;         /* capabilities, see install_asks, separated by blanks */
    char *off;          /* why it does not run; NULL: it does */
};

struct plan;

/* Zero-initialise; set_close frees. */
struct set {
    int64_t number, previous, at_ms;
    char *user, *reason, *state, *why;
    struct set_plugin *plugins; /* sorted by name */
    int count;
    struct plan *plan; /* of a set that was staged in this process: how it came about; freed with the set */
};

void set_close(struct set *s);
void set_copy(const struct set *from, struct set *to);
struct set_plugin *set_find(const struct set *s, const char *name);
/* Add a copy, replacing one of the same name. */
void set_put(struct set *s, const struct set_plugin *plugin);
void set_remove(struct set *s, const char *name);                    /* none of this name: nothing happens */
void set_turn_off(struct set *s, const char *name, const char *why); /* `why` NULL: on again */
/* Are they made of the same files, and off for the same reasons? */
bool set_same(const struct set *a, const struct set *b);
/* Does the plugin run the same files in both? Two NULLs do; one that is off runs none. */
bool set_same_plugin(const struct set_plugin *a, const struct set_plugin *b);

/* Load what the set says: its packages, and every plugin that came with the program and is not hidden or off. The
 * registry gets the set of what was really found (registry_note), with its own copy of number and history; registry_set
 * reads it. 0, or the reason why these plugins cannot run together. */
int set_load(const struct site *site, const struct set *set, struct registry **out, struct err *err);
const struct set *registry_set(const struct registry *r); /* NULL when it was not made by set_load */
/* Bring every plugin of the registry to its own last migration, forward or back. Inside a command. */
int set_migrate(struct store *s, const struct registry *r, struct err *err);

/* Append what a plugin may do beyond its own tables: "native", "process", "units", "commands:org.*", "effects:…",
 * "secrets:…", "memory_mib:64", "time_ms:5000", separated by blanks. */
void install_asks(const struct plugin *p, struct buf *out);
/* What of `now` was not in `before`: a number counts when it is larger. */
void install_added(const char *before, const char *now, struct buf *out);
/* "lua", "native" (in this process) or "process" (native, in one of its own). */
const char *install_trust(const struct plugin *p);

#endif
