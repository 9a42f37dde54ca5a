/* TLS handshakes on a worker thread: one at a time, those waiting newest first. */
#ifndef MUSTER_NET_HANDSHAKE_H
#define MUSTER_NET_HANDSHAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <uv.h>

struct conn;
struct server;

struct handshakes {
    uv_work_t work;
    struct conn *working; /* its session belongs to the worker until the work is back */
    struct list waiting;  /* oldest first */
    int count;            /* of those waiting */
    struct buf bytes;     /* what the step is given */
    struct err err;       /* of the step that was worked on */
};

void handshake_init(struct handshakes *h);
/* Bytes of the peer have come while the handshake is not over: kept until a whole record is there, then queued. */
void handshake_input(struct conn *c, const char *data, size_t len);
/* Leave the queue, if it is in it. */
void handshake_forget(struct conn *c);
/* Does a worker own the session of this connection now? */
bool handshake_working(const struct conn *c);

#endif
