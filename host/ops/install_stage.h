/* Staging: from a wish to a generation that is offered to the writer. Inside ops/. */
#ifndef MUSTER_OPS_INSTALL_STAGE_H
#define MUSTER_OPS_INSTALL_STAGE_H

#include "ops/embed.h"
#include "ops/install_plan.h"
#include "plugin/shelf.h"
#include "work/calls.h"

enum stage_kind {
    STAGE_INSTALL,
    STAGE_UPGRADE,
    STAGE_ROLLBACK,
    STAGE_ENABLE,
    STAGE_DISABLE,
    STAGE_REMOVE,
    STAGE_RELOAD,
    STAGE_BACK
};

#define STAGE_PACKAGES_MAX 50

/* A file in the data folder, there while packages are being tried out: their plugins' names, one a line. A start that finds
 * it knows that the process ended in between, and that a note of quarantine from then speaks of the package. */
#define STAGE_MARK "plugins/tmp/staging"

struct stage_wish {
    enum stage_kind kind;
    struct slice packages[STAGE_PACKAGES_MAX]; /* whole files */
    int npackages;
    const char *name; /* of the plugin, or NULL */
    int64_t to;       /* ROLLBACK, without packages: to this generation; 0: the one before */
    const char *user;
    int64_t failed; /* BACK: the generation that is given up, and why */
    const char *why;
};

/* Work the wish out and offer it: packages are put on the shelf, the new set is loaded, tried out on a copy of the
 * database, and built for every lane. On an error nothing has changed, the shelf neither. The set of the result belongs to
 * the offered registry; `*out` is valid until the next offer. The slow lane's thread, outside of a read. */
int stage_build(struct calls *c, const struct stage_wish *wish, const struct set **out, struct err *err);

/* The number of the newest stage of this process, 0 when there was none. */
int64_t stage_latest(void);

/* install_dry.c: apply the migrations of this registry to a copy of the database, run a host on it, and ask the health
 * commands of what is not as in `base`. `and_back`: try the way back to what runs, too; ERR_POLICY (rule
 * "migration.way_back"). Who is unwell is refused (rule "plugin.unwell"), or, `lenient`, a warning of the plan,
 * which is told how long the migrations took. */
int stage_dry_run(struct calls *c, const struct set *base, const struct registry *after, bool and_back, bool lenient,
                  struct plan *plan, struct err *err);
/* A host on a copy of the database, with this registry: what dry runs and rehearsals are made of. */
struct dry {
    char dir[SHELF_PATH_BYTES]; /* "": there is none */
    struct embed *host;
    int64_t migrated_ms; /* the time that the migrations took */
};
/* Copy the database, or what `of` (not opened yet) has copied of it. `out` is to be closed in any case. The slow lane's
 * thread, outside of a read. */
int dry_copy(struct calls *c, const struct dry *of, struct dry *out, struct err *err);
/* Migrate the copy; `before` not NULL: try the way back to it, too. Then run the host. */
int dry_open(struct calls *c, const struct registry *before, const struct registry *after, struct dry *dry,
             struct err *err);
void dry_close(struct dry *dry); /* zeroed is fine */

/* The registry of the newest stage, with a reference for the caller; NULL when it is not `number`, or was withdrawn. The
 * slow lane's thread. */
struct registry *stage_registry(int64_t number);
void stage_forget(void);
/* Remove from the shelf what is needed neither by the newest generation, nor by the one before it, nor by the newest
 * stage, nor to go back with one plugin. *last is the number of the newest generation. The slow lane's thread, outside of a read. */
int stage_tidy(struct calls *c, int64_t *last, struct err *err);
/* What a health command answered: 0 when it is well, or ERR_STATE (rule "plugin.unwell") that says why. */
int health_judge(const char *plugin, const char *command, struct slice reply, struct err *err);

/* install_wish.c: what the set would be. `base` is the one that is changed; reads the record. */
int stage_compose(struct calls *c, const struct stage_wish *wish, const struct set *base,
                  const struct package_row *packages, int npackages, struct set *next, struct err *err);

#endif
