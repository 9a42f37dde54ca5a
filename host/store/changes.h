/* Looking over a command's shoulder: which rows it changes, and whether a statement could run at all. For the console
 * and for checking plugins; never on the way of an ordinary request. */
#ifndef MUSTER_STORE_CHANGES_H
#define MUSTER_STORE_CHANGES_H

#include "store/guard.h"
#include "store/store.h"

struct changes;

/* One changed row. Texts belong to the record. */
struct change {
    const char *table;
    const char *op; /* "insert", "update", "delete" */
    int columns;
    const char *const *names;   /* of the columns */
    const struct value *before; /* NULL for an insert */
    const struct value *after;  /* NULL for a delete */
};

/* Record from here on what is changed in the running command: at most `max_rows` rows; long texts and blobs are cut.
 * What a nested call changed and rolled back is not in it. Writer, inside a command, with no query open. 0, or
 * ERR_STATE. */
int changes_begin(struct store *s, int max_rows, struct changes **out, struct err *err);
/* Stop recording: afterwards the rows can be read, also once the command was rolled back. 0, or ERR_IO. */
int changes_stop(struct changes *c, struct err *err);
int changes_count(const struct changes *c);
/* How many more there were. */
int64_t changes_more(const struct changes *c);
const struct change *changes_at(const struct changes *c, int i);
void changes_free(struct changes *c); /* NULL is fine; stops if need be */

/* Lint, authorize and compile one statement of a plugin without running it. Returns how many parameters it takes, or
 * the error that running it would begin with. Any role, also outside of a transaction. */
int store_check_sql(struct store *s, const char *plugin, struct slice sql, struct err *err);

#endif
