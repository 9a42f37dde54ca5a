/* `muster serve --dev DIR`: what is saved in a folder of plugins runs at once. */
#ifndef MUSTER_CLI_DEV_H
#define MUSTER_CLI_DEV_H

#include "net/server.h"

struct dev;

/* Before the plugins are loaded: compile those with C files, and say what cannot be compiled. 0 or the first error. */
int dev_build(const char *dir, struct err *err);
/* Watch `dir` and bring what is saved to the server, which must have been started with it as its site's live_dir.
 * Both outlive the result. The loop's thread. 0 or ERR_IO. */
int dev_start(uv_loop_t *loop, struct server *server, const char *dir, struct dev **out, struct err *err);
/* What an author may do about a refusal of the plugins, as a further line for the terminal, or "". */
const char *dev_advice(const struct err *refused);
void dev_free(struct dev *d); /* after the loop has ended; NULL is fine */

#endif
