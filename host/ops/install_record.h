/* The record of generations in the database. Inside ops/, and for cli/. */
#ifndef MUSTER_OPS_INSTALL_RECORD_H
#define MUSTER_OPS_INSTALL_RECORD_H

#include "ops/install_set.h"

/* A package on the shelf. */
struct package_row {
    const char *hash, *name, *version;
    const char *folder; /* relative to the data folder */
    const char *signer, *key_id;
    struct slice sums;
};

/* The number of the newest generation, 0 when there is none (or the database is older than generations). */
int record_last(struct store *s, int64_t *number, struct err *err);
/* Read one: 1, 0 when there is none of this number, or an error; `out` is to be closed in any case. */
int record_read(struct store *s, int64_t number, struct set *out, struct err *err);
/* Write a new one, and keep its packages. Inside a command. */
int record_write(struct store *s, const struct set *set, const struct package_row *packages, int npackages,
                 struct err *err);
int record_state(struct store *s, int64_t number, const char *state, const char *why, int64_t now_ms, struct err *err);
/* The folder on the shelf that the plugin had when it last had another one than `now`, on the way back from the
 * generation `number`: 1, 0 when it had none, or an error. */
int record_folder_before(struct store *s, int64_t number, const struct set_plugin *now, struct buf *folder,
                         struct err *err);
/* The sums of a package into `sums`: 1, 0 when it is not known, or an error. */
int record_sums(struct store *s, const char *package_hash, struct buf *sums, struct err *err);

#endif
