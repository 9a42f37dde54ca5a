/* Inside plugin/: the line between a lane and the process of one plugin: messages with their length and kind on a
 * stream socket.
 *
 *   host → plugin   HELLO (what to load)   RUN   ANSWER
 *   plugin → host   READY (or why not)     DONE  ASK   LOG
 *
 * Strictly in turn: whoever has sent RUN, ASK or HELLO waits. Only LOG comes unasked, before what is waited for; after
 * DONE and READY nothing comes. */
#ifndef MUSTER_PLUGIN_CHILD_LINE_H
#define MUSTER_PLUGIN_CHILD_LINE_H

#include "base/buf.h"
#include "base/err.h"

enum line_kind { LINE_HELLO = 1, LINE_READY, LINE_RUN, LINE_DONE, LINE_ASK, LINE_ANSWER, LINE_LOG, LINE_KINDS };

struct line {
    int fd;
    size_t max[LINE_KINDS]; /* bytes of a message that is received, by its kind; 0: of this kind none is */
    char *in;               /* read, but not yet given out */
    size_t at, have;
};

/* `max`: see above. `patient` false: sends and receives look at their deadline now and then, instead of waiting for
 * ever. */
void line_open(struct line *line, int fd, const size_t max[LINE_KINDS], bool patient);
void line_close(struct line *line); /* and its socket */
/* 0, ERR_TIMEOUT at `deadline_ns` (0: none), or ERR_IO when nobody is there. */
int line_send(struct line *line, enum line_kind kind, struct slice payload, uint64_t deadline_ns);
/* Wait until there is something to receive: 0, also when nobody is there any more, ERR_TIMEOUT at `deadline_ns`, ERR_IO. */
int line_wait(struct line *line, uint64_t deadline_ns);
/* The next message, replacing what `payload` holds. As line_send, and ERR_PROTO for one of another kind than may come,
 * or a longer one: that is known before its bytes are waited for. */
int line_receive(struct line *line, enum line_kind *kind, struct buf *payload, uint64_t deadline_ns);

#endif
