/* A command that the program itself gives its running server, from the loop. */
#ifndef MUSTER_NET_ASK_H
#define MUSTER_NET_ASK_H

#include "net/server.h"

/* `err` is NULL when it was done; `reply` is valid during the call only. */
typedef void (*server_answer)(void *arg, struct slice reply, const struct err *err);

/* Run one command as the host itself (every right), in English. One at a time: ERR_BUSY while the last is not answered;
 * ERR_NOTFOUND, ERR_STATE (draining). Once 0 was returned, `answer` is called exactly once, on the loop's thread, though
 * with ERR_BUSY when the server stops first. The loop's thread, inside one of its callbacks. */
int server_ask(struct server *s, const struct slice *words, int nwords, server_answer answer, void *arg,
               struct err *err);

#endif
