/* Migrations: numbered SQL files, applied once each, forward only, with checksums. */
#ifndef MUSTER_STORE_MIGRATE_H
#define MUSTER_STORE_MIGRATE_H

#include "store/store.h"

struct migration {
    int number;       /* 1, 2, 3 … without holes */
    const char *name; /* "001_words" */
    struct slice sql; /* several statements, portable subset, DDL allowed */
};

/* Bring `owner` (a plugin's name, or "muster" for the host's own tables) to the last migration, all in one
 * transaction, and keep number, name and SHA-256 in muster_migration. A plugin's statements are linted and guarded:
 * it may create and change only tables and indexes with its own prefix, STRICT. Returns how many were applied, or:
 * ERR_CONFLICT when one applied earlier has changed or is missing (names it), ERR_POLICY naming the refused
 * statement, ERR_IO. On any error nothing has changed. Writer, outside a batch. */
int migrate(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);
/* How many are not yet applied, with the same checks and no change. */
int migrate_pending(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);

/* The host's own tables (muster_…); called by store users before anything else. */
int migrate_host(struct store *s, struct err *err);

#endif
