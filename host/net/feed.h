/* From bytes to requests to runs, and back: the connection rule of ordered pipelining. */
#ifndef MUSTER_NET_FEED_H
#define MUSTER_NET_FEED_H

#include "net/conn.h"

/* Parse what has come, answer what the loop answers itself, and hand off the next run, as far as the rule allows. */
void feed_advance(struct conn *c);
/* A run is back from its lane, answered as far as run->done; its connection may be closed by now. */
void feed_deliver(struct run *run);
/* Make `c->run` an empty run of this kind, keeping its memory. */
void feed_prepare(struct conn *c, enum run_kind kind, enum mode mode);
/* Drop `c->run` if nothing is in it: it refers to a generation that runs no more. */
void feed_forget(struct conn *c);
/* Hand `c->run` over: 0, ERR_BUSY or ERR_STATE. */
int feed_put(struct conn *c);

#endif
