/* Migrations: numbered SQL files with checksums, applied once each, and undone where they have a way back. */
#ifndef MUSTER_STORE_MIGRATE_H
#define MUSTER_STORE_MIGRATE_H

#include "store/store.h"

struct migration {
    int number;        /* 1, 2, 3 … without holes */
    const char *name;  /* "001_words" */
    struct slice sql;  /* several statements, portable subset, DDL allowed */
    struct slice down; /* what undoes it (001_words.down.sql), or empty */
};

/* Bring `owner` (a plugin's name, or "muster" for the host's own tables) to the last migration, all in one
 * transaction, and keep number, name and SHA-256 in muster_migration. A plugin's statements are linted and guarded:
 * it may create and change only tables and indexes with its own prefix, STRICT. Returns how many were applied, or:
 * ERR_CONFLICT when one applied earlier has changed or is missing (names it), ERR_POLICY naming the refused
 * statement, ERR_IO. On any error nothing has changed. Writer, outside a batch. */
int migrate(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);
/* The way back. A version whose list is shorter than what is applied may run on the longer schema when the further
 * migrations are *additive* (nothing but CREATE TABLE, CREATE INDEX and ALTER TABLE … ADD COLUMN), or after they were
 * undone by their `down` texts, which are kept in the database when they are applied. From the newest one back: those
 * with `down` are undone; at the first one without, it and all before it, back to the list's end, must be additive and
 * stay, "ahead" of the code. `migrate` and `migrate_pending` accept additive ones that stand ahead. */

/* Is the text additive? */
bool migration_additive(const struct migration *m);
/* Can the pending migrations of this list be gone back from? 0, or ERR_POLICY (rule "migration.one_way") naming the one
 * that can't and what to add. Nothing pending: 0. */
int migrate_check_back(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);
/* Bring `owner` from whatever is applied to this list, forward or back, inside the command that is open on the writer
 * (its savepoint undoes it). Returns how many were applied or undone, or an error as migrate() and "migration.one_way". */
int migrate_within(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);
/* What migrate_within would do: > 0 so many to apply, < 0 never an error but: so many to undo, in `*steps`. 0 or an
 * error. */
int migrate_steps(struct store *s, const char *owner, const struct migration *list, int count, int *steps,
                  struct err *err);
/* The names of the plugin's tables, each ended by a NUL, are appended. Returns how many, or an error. */
int migrate_tables(struct store *s, const char *owner, struct buf *names, struct err *err);
/* Inside an open command: drop every table of the plugin and forget its migrations. Returns how many tables went. */
int migrate_purge(struct store *s, const char *owner, struct err *err);
/* What the plugin's tables are like: a line for each table, column, index and reference is appended. 0 or an error. */
int migrate_shape(struct store *s, const char *owner, struct buf *lines, struct err *err);
/* The first of the lines that `other` does not have; empty when it has all. */
struct slice migrate_shape_lacks(struct slice lines, struct slice other);
/* How many are not yet applied, with the same checks and no change. */
int migrate_pending(struct store *s, const char *owner, const struct migration *list, int count, struct err *err);

/* The host's own tables (muster_…); called by store users before anything else. */
int migrate_host(struct store *s, struct err *err);

#endif
