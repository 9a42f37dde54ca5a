/* Commands that belong to the connection itself and are answered on the loop: HELLO, AUTH, PING, CLIENT, COMMAND, INFO … */
#ifndef MUSTER_NET_INTRINSIC_H
#define MUSTER_NET_INTRINSIC_H

#include "net/conn.h"
#include "wire/reply.h"

enum { INTRINSIC_REPLY_MAX = 8 * 1024 * 1024 };

/* Write one canonical reply into `reply`, or nothing when it comes later (or was given already). */
typedef void intrinsic_answer(struct conn *c, const struct message *m, struct buf *reply);

struct intrinsic {
    const char *name;       /* upper case, as Redis writes them */
    bool early;             /* before sign-in too */
    int min_args, max_args; /* without the command itself */
    const char *usage;      /* its arguments, in words separated by blanks: "[x]" is optional */
    const char *summary;
    intrinsic_answer *answer;
};

/* Sorted by name, ended by a name of NULL. */
extern const struct intrinsic intrinsics[];
/* NULL when there is none; upper and lower case are the same. */
const struct intrinsic *intrinsic_find(struct slice name);
/* Find a command of the registry as clients spell it: exactly, or in lower case. */
const struct command *intrinsic_command(struct registry *r, struct slice name);
bool intrinsic_word(struct slice s, const char *word); /* equal but for case */
void intrinsic_ok(struct buf *reply);
void intrinsic_refuse(struct buf *reply, int code, const char *text);
/* Fit to be the name of a connection or library: at most 64 printable ASCII characters without blanks. */
bool intrinsic_name(struct slice s);

/* sign_in.c */
intrinsic_answer sign_in_hello, sign_in_auth, sign_in_reset;
void sign_in_certificate(struct conn *c);
/* Rights have changed since the connection's identity was read: have a lane look. False: no lane could, and that is
 * answered in the place of the request. */
bool sign_in_look_again(struct conn *c);
void sign_in_end(struct conn *c);     /* nobody is signed in any more */
void sign_in_deliver(struct conn *c); /* the sign-in of c->run is decided */
void sign_in_next(struct server *s);  /* a place at the lanes is free: those that wait may go */

/* the others */
intrinsic_answer client_answer;              /* client.c */
intrinsic_answer info_answer, config_answer; /* info.c */
intrinsic_answer docs_answer;                /* docs.c */

#endif
