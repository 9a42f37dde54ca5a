/* RESP requests: an array of bulk strings. Source: redis.io/docs/reference/protocol-spec. */
#ifndef MUSTER_WIRE_RESP_H
#define MUSTER_WIRE_RESP_H

#include "base/err.h"
#include "wire/message.h"

/* Parse one request from the start of `in`, whose bytes stay where they are.
 * Returns the bytes consumed (> 0) with `m` filled (an empty array `*0` gives m->nargs == 0: ignore it);
 * 0 when more bytes are needed, `m` then holds the arguments that are complete (so that an unknown command is known early);
 * or ERR_PROTO / ERR_TOOBIG, and the connection must end: there is no resynchronising.
 * Pure: parsing starts again from the same bytes when more have come. Bulk bodies are skipped by length, so that is cheap. */
long resp_parse(struct slice in, const struct wire_limits *limits, struct message *m, struct err *err);

#endif
