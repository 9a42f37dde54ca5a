/* The plan of a change of plugins: what would be different, worked out before anything is. Inside ops/. */
#ifndef MUSTER_OPS_INSTALL_PLAN_H
#define MUSTER_OPS_INSTALL_PLAN_H

#include "ops/install_record.h"
#include "plugin/arena.h"
#include "wire/reply.h"

struct plan_change {
    const char *name;
    const char *from, *to; /* versions; NULL: not running before, not running then */
    const char *origin;    /* "bundled" or "package"; NULL with `to` */
    const char *signer, *sha256, *trust, *asks, *added;
    const char *health;
};

struct plan_step {
    const char *plugin, *migration;
    bool undo;
    const char *back; /* "down", "additive", or "none" when there was nothing before it */
};

/* Belongs to the set it leads to; immutable once that is offered. All texts live in its arena. */
struct plan {
    struct arena arena;
    int64_t base;        /* the generation it starts from */
    bool ask;            /* what is added must be accepted */
    bool proved;         /* to a set that ran well before: no probation */
    int64_t failed;      /* the generation that is given up by this, or 0 */
    const char *why;     /* … and why */
    int64_t migrated_ms; /* the migrations took so long on the copy */
    struct vec changes;  /* struct plan_change */
    struct vec steps;    /* struct plan_step */
    struct vec commands_added, commands_removed, commands_changed, warnings; /* texts */
    struct package_row *packages; /* new on the shelf; their texts are in the arena */
    int npackages;
};

struct plan *plan_new(void);
void plan_free(struct plan *p); /* NULL is fine */
void plan_warn(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Compare what runs (`before`; NULL: nothing) with what would, and fill changes and commands. */
void plan_compare(struct plan *p, const struct set *base, const struct registry *before, const struct registry *after);
/* Which migrations would be applied and undone. Refuses what could not be gone back from. Inside a read. */
int plan_migrations(struct plan *p, struct store *s, const struct registry *after, struct err *err);
/* Must the capability be accepted, is it not in `accept` (a JSON array of texts, or NULL)? Then ERR_POLICY (rule
 * "plugin.capability") that names all of them. */
int plan_check_accepted(const struct plan *p, const struct value *accept, struct err *err);
void plan_write(const struct plan *p, int64_t stage, struct reply *reply);

/* Words between blanks, as a list under this key. */
void plan_write_words(struct reply *reply, const char *key, const char *words);

#endif
