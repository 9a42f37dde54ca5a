/* A whole host without network: lanes on a database, called from one thread. What tests of plugins, dry runs on a copy,
 * and `muster plugin` on a folder that no server serves are made of. */
#ifndef MUSTER_OPS_EMBED_H
#define MUSTER_OPS_EMBED_H

#include "work/lanes.h"

struct embed;

/* Start the lanes (migrating the database, as a start of the server does). `options->wake` is not used. */
int embed_open(const struct lanes_options *options, struct embed **out, struct err *err);
/* Run one request as `identity` and wait for it. `words[0]` is the command. The canonical reply, an error reply too, is
 * appended to `reply`. `now_ms` is the time of receipt: virtual if the caller likes; 0: the clock's. 0, or an error when
 * it could not be run at all: ERR_NOTFOUND for an unknown command, suggesting the nearest. */
int embed_call(struct embed *e, struct identity *identity, const char *lang, int64_t now_ms, const struct slice *words,
               int nwords, struct buf *reply, struct err *err);
struct lanes *embed_lanes(struct embed *e);
/* The running registry; borrowed until the next embed_call. */
struct registry *embed_registry(struct embed *e);
void embed_close(struct embed *e); /* NULL is fine */

#endif
