/* A database on the other side of a line: statements go out as messages, rows come back in chunks.
 *
 * Messages are in the canonical reply form (wire/reply.h), one array each, its first element the word that says what
 * it is; an answer is an array, or an error reply:
 *
 *   exec  SQL VALUE…   → [changes]
 *   query SQL VALUE…   → [more | last, id, [column name…], [value…]]
 *   more  ID           → [more | last, id, [value…]]
 *   close ID           → []
 *
 * The values of rows follow each other, row by row. A VALUE that is JSON is an array of one text. */
#ifndef MUSTER_STORE_REMOTE_H
#define MUSTER_STORE_REMOTE_H

#include "store/store.h"
#include "wire/reader.h"
#include "wire/reply.h"

#define REMOTE_PARAMS_MAX 1000
#define REMOTE_MESSAGE_MAX (32 * 1024 * 1024)

/* The way to whoever answers. */
struct remote_line {
    /* Send one message and append its answer. 0; or an error with `err` filled when there is nobody at the other end.
     */
    int (*ask)(void *arg, struct slice message, struct buf *answer, struct err *err);
    void *arg;
};

/* One value, as above. Texts point into what is read; whether one is UTF-8 is for its user to see. 0 or ERR_PROTO. */
void remote_put_value(struct reply *r, const struct value *v);
int remote_take_value(struct reader *r, struct value *out);
/* A text of at most `max` bytes, UTF-8 without NUL. 0 or ERR_PROTO. */
int remote_take_text(struct reader *r, size_t max, struct slice *out);
/* A text whatever its bytes are: whoever it is for knows what it may be, and refuses it. 0 or ERR_PROTO. */
int remote_take_string(struct reader *r, struct slice *out);
int remote_take_int(struct reader *r, int64_t *out);
/* A text, with a NUL written behind it, or NULL. 0 or ERR_PROTO. */
int remote_take_cstr(struct reader *r, const char **out);
/* The header of an array. 0 or ERR_PROTO. */
int remote_take_array(struct reader *r, int64_t *count);

/* -- the side that asks -- */

/* A store for store_exec, store_query and what goes with them; it knows no transactions of its own. `line` outlives it.
 * One thread. Never NULL; store_close. */
struct store *store_remote_new(const struct remote_line *line);
/* Around each command: what is still open at its end is closed, as the other side closes it. May nest. */
void store_remote_enter(struct store *s);
void store_remote_leave(struct store *s);

/* -- the side that answers -- */

/* The queries left open by one command. Zero-initialise; store_remote_close_all. */
struct remote_cursors {
    struct cursor *open[64];
};
void store_remote_close_all(struct remote_cursors *cursors);
/* Do what a message asks, as `plugin`, and write the answer's array. `word` was read from it, `r` stands behind it with
 * `count` elements left. 0; 1: not a message about the database; ERR_PROTO: not a message at all; or the statement's
 * error. What was written is then to be dropped. */
int store_remote_serve(struct store *s, const char *plugin, struct remote_cursors *cursors, struct slice word,
                       struct reader *r, int64_t count, struct reply *answer, struct err *err);

#endif
