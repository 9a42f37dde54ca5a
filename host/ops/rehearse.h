/* A rehearsal: calls of the past, played on two copies of the database, by the plugins that run and by those of a stage. */
#ifndef MUSTER_OPS_REHEARSE_H
#define MUSTER_OPS_REHEARSE_H

#include "ops/install_stage.h"

struct identity;

/* One call, and what each side made of it. */
struct rehearsed {
    int64_t id, at_ms; /* of its row in the audit; 0: a question asked besides */
    char *user, *command, *args;
    struct identity *identity; /* borrowed; NULL: the user is gone */
    const char *skipped;       /* why it was not played, or NULL */
    bool differs, refused;     /* … by both, in the same words */
    char *before, *after;      /* of the first that differ: their replies as JSON, cut */
    int64_t before_us, after_us;
};

/* rehearse_read.c: the last `last` accepted writes of plugins, oldest first, and the read commands without required
 * arguments. `*out` is to be closed. The slow lane's thread, outside of a read. */
struct rehearsal {
    struct rehearsed *calls;
    int count;
    struct identity **identities;
    int nidentities;
};
int rehearsal_read(struct calls *c, int last, struct rehearsal *out, struct err *err);
void rehearsal_close(struct rehearsal *r);

#endif
