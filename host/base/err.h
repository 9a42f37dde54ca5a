/* Error codes, their wire tokens, and the one struct that explains a refusal. */
#ifndef MUSTER_BASE_ERR_H
#define MUSTER_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* name, wire token, is the same request worth sending again?, process exit status of `muster call` */
#define ERR_CODES(X)                                                                                                   \
    X(ARG, "ARG", false, 2)             /* an argument breaks a declared rule */                                       \
    X(NOTFOUND, "NOTFOUND", false, 3)   /* the thing named does not exist */                                           \
    X(STATE, "STATE", false, 4)         /* not possible in the present state */                                        \
    X(NOPERM, "NOPERM", false, 5)       /* no role allows it, or a four-eyes rule forbids it */                        \
    X(SCOPE, "SCOPE", false, 5)         /* the unit lies outside the caller's subtree */                               \
    X(CONFLICT, "CONFLICT", false, 4)   /* somebody else's row or control total disagrees */                           \
    X(DUP, "DUP", false, 4)             /* the idempotency key was used with other arguments */                        \
    X(CLOSED, "CLOSED", false, 4)       /* outside the dates in which it may happen */                                 \
    X(LIMIT, "LIMIT", false, 4)         /* a budget, quota or resource limit is used up */                             \
    X(POLICY, "POLICY", false, 4)       /* a rule of the house forbids it */                                           \
    X(NOAUTH, "NOAUTH", false, 6)       /* sign in first */                                                            \
    X(WRONGPASS, "WRONGPASS", false, 6) /* sign-in refused */                                                          \
    X(BUSY, "BUSY", true, 7)            /* a queue is full; try again */                                               \
    X(TIMEOUT, "TIMEOUT", true, 7)      /* the deadline passed; nothing was kept */                                    \
    X(TOOBIG, "TOOBIG", false, 2)       /* a request or reply is over its limit */                                     \
    X(PROTO, "PROTO", false, 8)         /* bytes that are not the protocol; the connection ends */                     \
    X(UNKNOWN, "UNKNOWN", true, 7)      /* the outcome is unknown; ask again with the same idem */                     \
    X(NOCOMMAND, "ERR", false, 2)       /* unknown command, in the words Redis clients expect */                       \
    X(IO, "INTERNAL", false, 9)         /* a file, socket or database failed */                                        \
    X(INTERNAL, "INTERNAL", false, 9)   /* a fault of Muster or of a plugin */

enum err_code {
    ERR_NONE = 0,
#define X(name, token, retry, status) ERR_##name##_N,
    ERR_CODES(X)
#undef X
        ERR_COUNT,
#define X(name, token, retry, status) ERR_##name = -ERR_##name##_N,
    ERR_CODES(X)
#undef X
};

/* A refusal: what was refused, by which rule, and what may be done instead.
 * Zero-initialise it; every text is NUL-terminated and cut at a UTF-8 boundary. */
struct err {
    int code;          /* 0 or a negative enum err_code */
    char rule[64];     /* "fund.member_only"; "" when the code says it all */
    char arg[64];      /* the argument at fault, or "" */
    char state[48];    /* present state, or "" */
    char allowed[160]; /* what is possible instead, comma separated, or "" */
    char text[600];    /* one sentence for people, without code and rule */
};

/* Fill `err` (which may be NULL) with code and text; rule, arg, state, allowed become "". Returns `code`. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_vset(struct err *err, int code, const char *fmt, va_list ap);

/* As err_set, naming the rule and the argument (each may be NULL). Returns `code`. */
int err_rule(struct err *err, int code, const char *rule, const char *arg, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The wire token of a negative code ("ARG"); "INTERNAL" for a number that is none. */
const char *err_token(int code);
/* The code of a wire token, or ERR_INTERNAL. */
int err_from_token(const char *token, size_t len);
/* May the same request be sent again unchanged? */
bool err_retryable(int code);
/* Exit status of a command-line program that ends with this code; 0 for 0. */
int err_exit_status(int code);

#endif
