/* Pull reader of replies in RESP2 or RESP3 (so of the canonical form too). */
#ifndef MUSTER_WIRE_READER_H
#define MUSTER_WIRE_READER_H

#include "base/err.h"

#include "base/buf.h"

enum node_type {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_DOUBLE,
    NODE_TEXT,
    NODE_BLOB,
    NODE_STATUS,
    NODE_ERROR, /* s: without the leading '-' */
    NODE_ARRAY,
    NODE_MAP,
    NODE_SET,
    NODE_PUSH,
    NODE_ATTRIBUTE, /* count pairs follow, then the value it belongs to */
};

struct node {
    enum node_type type;
    int64_t i;      /* BOOL, INT */
    double d;       /* DOUBLE */
    struct slice s; /* TEXT, BLOB, STATUS, ERROR, and INT, DOUBLE as written: points into the bytes read */
    int64_t count;  /* ARRAY, SET, PUSH: elements; MAP, ATTRIBUTE: pairs */
};

struct reader {
    struct slice rest; /* what is not yet read */
};

/* Bytes of the whole next value (its attribute included), 0 when incomplete, ERR_PROTO when malformed, ERR_TOOBIG when nested
 * deeper than 32. Does not move the reader. */
long reader_measure(struct slice in);
/* Read the next node; containers give their count and their elements follow. 1, 0 at the end of the bytes (or incomplete), ERR_PROTO. */
int reader_next(struct reader *r, struct node *node);
/* As reader_next, and ERR_PROTO for what the canonical form does not have (sets, pushes, RESP2 nulls, other verbatim types). */
int reader_next_canonical(struct reader *r, struct node *node);
/* Jump over one whole value. 0 or ERR_PROTO. */
int reader_skip(struct reader *r);

/* Fill `err` from one whole canonical or rendered error reply: its details from the attribute, or without one from the
 * end of the line (details.h). True if it is an error at all. */
bool reader_error(struct slice reply, struct err *err);
/* Is the whole reply marked `replayed` in its attribute (or, as rendered for RESP, in its map)? */
bool reader_is_replayed(struct slice reply);
/* The value after the attribute, if there is one. */
struct slice reader_strip(struct slice reply);

#endif
