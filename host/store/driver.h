/* What stands behind store.h: the table of functions a database driver fills in. Only files of store/ include this. */
#ifndef MUSTER_STORE_DRIVER_H
#define MUSTER_STORE_DRIVER_H

#include <stdatomic.h>

#include "base/list.h"
#include "store/faulty.h"
#include "store/guard.h"
#include "store/keys.h"
#include "store/store.h"

/* One statement to run: whose it is, what it may be, its text and its arguments. All borrowed for the call. */
struct statement {
    const char *plugin; /* NULL: the host's own, trusted */
    enum guard_use use;
    struct slice sql;
    const struct value *args;
    int nargs;
    bool last; /* the last write of its level, and atomic by itself: needs no savepoint */
};

/* A result being read. Drivers put it first in their own struct. It stays allocated until the store closes, so that
 * closing one that its command's end has closed already does no harm. */
struct cursor {
    struct store *store;
    struct list link; /* in store->cursors while open */
    int level;        /* store->level when it was opened */
    int64_t rows, bytes;
    bool open;
};

/* Savepoints are counted by the front (store->level) and made by the driver when it must: `mark` only says that one
 * is wanted. `commit` has always ended the transaction when it returns. */
struct store_driver {
    const char *name;
    int (*open)(const struct store_options *options, enum store_role role, struct store **out, struct err *err);
    void (*close)(struct store *s);
    int (*begin)(struct store *s, bool write, struct err *err); /* STORE_OK, STORE_FENCED, an error */
    bool (*alive)(const struct store *s);                       /* is a transaction open? */
    int (*commit)(struct store *s, struct err *err);
    void (*rollback)(struct store *s);
    int (*unmark)(struct store *s, int level, bool keep,
                  struct err *err); /* end savepoint number `level`; 0 or an error */
    int (*exec)(struct store *s, const struct statement *st, int64_t *changes, struct err *err);
    int (*query)(struct store *s, const struct statement *st, struct cursor **out, struct err *err);
    int (*step)(struct cursor *c, struct err *err);
    int (*columns)(const struct cursor *c);
    const char *(*column)(const struct cursor *c, int column);
    void (*value)(struct cursor *c, int column, struct value *out);
    void (*finish)(struct cursor *c); /* gives the statement back; the struct stays */
    void (*interrupt)(struct store *s);
    int (*checkpoint)(struct store *s, int min_pages, struct err *err);
    int (*copy)(struct store *s, const char *to, struct err *err);        /* NULL: it has no file of its own */
    int (*check)(struct store *s, struct buf *problems, struct err *err); /* NULL: its owner looks after it */
};

extern const struct store_driver sqlite_driver;

/* The front's part of a connection. Drivers put it first in their own struct. */
struct store {
    const struct store_driver *driver;
    enum store_role role;
    struct faults *faults;
    struct keys *keys; /* the writer's; NULL on readers */
    bool unsafe_sql;
    bool batch, reading;
    int level; /* 0: no command; 1: in a command; 2 and more: in nested calls */
    int doom;  /* the level at which a statement failed; 0: none */
    struct list cursors;
    int open_cursors;
    int64_t max_rows, max_bytes;
    uint64_t deadline_ns;
    _Atomic int64_t commits, statements, prepared, pages_written; /* read from any thread */
};

#define STORE_MAX_NESTING 16
#define STORE_MAX_CURSORS 64
#define STORE_MAX_KEY 200

/* Open and end one level: a command's or a nested call's. As store_nested_begin and store_nested_end. */
int store_level_begin(struct store *s, struct err *err);
int store_level_end(struct store *s, bool keep, struct err *err);
/* Has the deadline of store_limits passed? 0 or ERR_TIMEOUT. */
int store_check_deadline(const struct store *s, struct err *err);
/* Count one row of `bytes`; 0 or ERR_LIMIT. */
int store_count_row(struct store *s, struct cursor *c, int64_t bytes, struct err *err);
/* Counters have one writer, so a plain load and store do. */
static inline void store_count(_Atomic int64_t *counter, int64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

#endif
