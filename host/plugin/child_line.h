/* Inside plugin/: the line between a lane and the process of one plugin: messages with their length and kind on a
 * stream socket.
 *
 *   host → plugin   HELLO (what to load)   RUN   ANSWER
 *   plugin → host   READY (or why not)     DONE  ASK   LOG
 *
 * Strictly in turn: whoever has sent RUN, ASK or HELLO waits. Only LOG comes unasked, before what is waited for. */
#ifndef MUSTER_PLUGIN_CHILD_LINE_H
#define MUSTER_PLUGIN_CHILD_LINE_H

#include "base/buf.h"
#include "base/err.h"

enum line_kind { LINE_HELLO = 1, LINE_READY, LINE_RUN, LINE_DONE, LINE_ASK, LINE_ANSWER, LINE_LOG };

struct line {
    int fd;
    char *in; /* read, but not yet given out */
    size_t at, have;
};

/* `patient` false: sends and receives look at their deadline now and then, instead of waiting for ever. */
void line_open(struct line *line, int fd, bool patient);
void line_close(struct line *line); /* and its socket */
/* 0, ERR_TIMEOUT at `deadline_ns` (0: none), or ERR_IO when nobody is there. */
int line_send(struct line *line, enum line_kind kind, struct slice payload, uint64_t deadline_ns);
/* Wait until there is something to receive: 0, also when nobody is there any more, ERR_TIMEOUT at `deadline_ns`, ERR_IO. */
int line_wait(struct line *line, uint64_t deadline_ns);
/* The next message, replacing what `payload` holds. As line_send, and ERR_TOOBIG for one of more than `max` bytes. */
int line_receive(struct line *line, enum line_kind *kind, struct buf *payload, size_t max, uint64_t deadline_ns);

#endif
