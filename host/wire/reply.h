/* The streaming writer of the canonical reply form: RESP3 bytes.
 *
 * Canonical form: scalars `_` `#` `:` `,` `$` (text), `=` with type `bin` (blob), `+` (status), `-` (error), arrays `*`, maps `%`
 * with text keys, and at most one attribute `|` in front of the whole reply. An attribute carries what is said about a
 * reply: `replayed` (true), or, in front of an error, `rule`, `arg`, `state`, `allowed`, `retry`.
 * Source: github.com/redis/redis-specifications, protocol/RESP3.md.
 */
#ifndef MUSTER_WIRE_REPLY_H
#define MUSTER_WIRE_REPLY_H

#include "base/err.h"
#include "base/value.h"

#define REPLY_DEPTH_MAX 32

/* Writes one reply at the end of `out`. The first failure sticks; later calls do nothing. */
struct reply {
    struct buf *out;
    size_t start;     /* where this reply begins in out */
    size_t max_bytes; /* of this reply; 0: only out's own maximum counts */
    int code;         /* 0, ERR_TOOBIG (too long), ERR_INTERNAL (too deep, unbalanced) */
    int depth;
    struct {
        size_t at;     /* where the container's first element begins */
        int64_t count; /* elements so far; a map counts keys and values */
        bool map;
    } open[REPLY_DEPTH_MAX];
};

void reply_begin(struct reply *r, struct buf *out, size_t max_bytes);
/* Check that exactly one complete value was written. 0, or the sticking code: `out` is then cut back to where it was. */
int reply_finish(struct reply *r);
/* Throw away what was written; the reply may be written anew. */
void reply_restart(struct reply *r);

void reply_null(struct reply *r);
void reply_bool(struct reply *r, bool b);
void reply_int(struct reply *r, int64_t i);
void reply_double(struct reply *r, double d); /* shortest text that reads back the same; inf, nan as RESP3 has them */
void reply_text(struct reply *r, struct slice s);
void reply_cstr(struct reply *r, const char *text); /* NULL writes null */
void reply_blob(struct reply *r, struct slice s);
void reply_status(struct reply *r, const char *word);     /* +OK; printable, no CR or LF */
void reply_value(struct reply *r, const struct value *v); /* JSON is written as its text */
/* Containers: what is written until the matching close belongs to them. In a map: key, value, key, value … */
void reply_array_open(struct reply *r);
void reply_map_open(struct reply *r);
void reply_close(struct reply *r);
/* A key of the open map; keys are text. reply_key_text and the like are one pair at once. */
void reply_key(struct reply *r, const char *key);
void reply_key_int(struct reply *r, const char *key, int64_t i);
void reply_key_bool(struct reply *r, const char *key, bool b);
void reply_key_cstr(struct reply *r, const char *key, const char *text);
/* Append the one canonical value in `bytes` (checked: no attribute, status or error in it). */
void reply_raw(struct reply *r, struct slice bytes);

/* Append a whole error reply: `-CODE rule: text`, with its details as attribute. Control characters become spaces. */
void reply_error(struct buf *out, const struct err *err);
/* Append `canonical` (one whole reply) with the attribute `replayed` in front. */
void reply_replayed(struct buf *out, struct slice canonical);

#endif
