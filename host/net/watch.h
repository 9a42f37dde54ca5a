/* Watching folders of sources: says so once when somebody has saved something. */
#ifndef MUSTER_NET_WATCH_H
#define MUSTER_NET_WATCH_H

#include "base/err.h"

#include <uv.h>

struct watch;

/* Watch `dir` and the folders in it, three deep, for files that end in one of `endings` (".lua"; NULL-terminated; as
 * long-lived as the watch). When nothing more has happened for `quiet_ms`, `changed` is called with what happened first
 * ("init.lua was saved", "… was deleted", of `dir` itself "… came back") and its uv_now(). `dir` may be replaced or be
 * away for a while. It does not keep the loop running. 0 or ERR_IO. The loop's thread. */
int watch_open(uv_loop_t *loop, const char *dir, const char *const *endings, int quiet_ms,
               void (*changed)(void *arg, const char *what, uint64_t at_ms), void *arg, struct watch **out,
               struct err *err);
/* Its handles close in the loop's next turns, and then it is freed. NULL is fine. */
void watch_close(struct watch *w);

#endif
