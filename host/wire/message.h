/* One message of a client, a command and its arguments, and the limits it must keep. */
#ifndef MUSTER_WIRE_MESSAGE_H
#define MUSTER_WIRE_MESSAGE_H

#include "base/buf.h"

/* What a client may send; each connection holds the numbers of its present state (before or after sign-in). */
struct wire_limits {
    size_t line_bytes;    /* a plain line, or one RESP header line */
    size_t message_bytes; /* all arguments of one message together */
    int args;             /* arguments of one message, the command included */
};

/* args[0] is the command. Slices point into the bytes that were parsed or into `scratch`. Zero-initialise;
 * reuse for the next message; message_close frees. */
struct message {
    struct slice *args;
    int nargs;
    int cap;
    struct buf scratch; /* unescaped words of a plain line */
};

void message_clear(struct message *m);
void message_close(struct message *m);
void message_add(struct message *m, struct slice arg);

#endif
