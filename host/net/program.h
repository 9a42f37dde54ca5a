/* Running a program beside the server, from the loop. */
#ifndef MUSTER_NET_PROGRAM_H
#define MUSTER_NET_PROGRAM_H

#include "base/buf.h"
#include "base/err.h"

#include <uv.h>

/* Start argv[0] (a path) with these words and this environment's own. When it has ended, `ended` is called with what it wrote
 * to standard output and error (at most 64 KiB) and its exit status, or -1 when a signal ended it or it took longer
 * than `limit_ms`. Once 0 was returned, `ended` is called exactly once, on the loop's thread. 0 or ERR_IO. */
int program_start(uv_loop_t *loop, char **argv, int limit_ms, void (*ended)(void *arg, int status, struct slice said),
                  void *arg, struct err *err);

#endif
