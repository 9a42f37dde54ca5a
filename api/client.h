/* A small blocking client of Muster: TLS, RESP3, one connection. Used by the muster program and the tests.
 * One thread at a time per connection. Errors are `struct err` as everywhere in the host. */
#ifndef MUSTER_API_CLIENT_H
#define MUSTER_API_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"
#include "wire/reader.h"

struct client;

struct client_options {
    const char *host;     /* default "127.0.0.1"; must be in the server's certificate */
    int port;             /* default 7878 */
    const char *ca;       /* PEM file */
    const char *cert;     /* PEM file, or NULL */
    const char *key;      /* PEM file, or NULL */
    const char *user;     /* sign in by password or token after the handshake; NULL: by certificate, or not at all */
    const char *password; /* or token */
    const char *name;     /* shown in CLIENT LIST; NULL: none */
    int timeout_ms;       /* of connecting and of every read; default 30000 */
    int proto;            /* 2 or 3 (default 3) */
};

/* Connect, shake hands, HELLO, sign in. 0 or a negative code (ERR_IO with the reason, ERR_WRONGPASS, …). */
int client_open(const struct client_options *options, struct client **out, struct err *err);
void client_close(struct client *c); /* NULL is fine */
int client_fd(const struct client *c);
/* Server's fields of HELLO are in this reply (RESP3). */
struct slice client_hello(const struct client *c);

/* Queue one command of `count` words (command, then arguments as they go over the wire: "name=value"). Sent by
 * client_flush or by the next client_read. */
int client_queue(struct client *c, const struct slice *words, int count, struct err *err);
int client_flush(struct client *c, struct err *err);
/* Send raw bytes inside the TLS session (tests of bad input). */
int client_raw(struct client *c, struct slice bytes, struct err *err);
/* Read the next whole reply as it came; `reply` is valid until the next client_read. Error replies are replies: 0
 * is returned. Negative only when the connection failed (ERR_IO, ERR_TIMEOUT, ERR_PROTO): close it then; an end by
 * the server has the rule "connection.closed". Pushes are skipped. */
int client_read(struct client *c, struct slice *reply, struct err *err);

/* For programs that drive several connections by poll(2) on client_fd: send what the socket takes and take in what
 * has come, without waiting. 0, or negative as client_read. */
int client_pump(struct client *c, struct err *err);
bool client_wants_write(const struct client *c); /* something is left to send: poll for POLLOUT too */
/* As client_read without waiting: 1 with a reply, 0 when none is whole yet, negative as client_read. */
int client_take(struct client *c, struct slice *reply, struct err *err);
/* Send what is queued, then shut the writing side of the socket; replies can still be read. */
int client_half_close(struct client *c, struct err *err);
/* Connect a plain TCP socket (non-blocking, for tests of what comes before TLS). The descriptor or a negative code. */
int client_dial(const char *host, int port, int timeout_ms, struct err *err);

/* client_queue + client_read, and an error reply becomes a negative code with `err` filled. */
int client_call(struct client *c, const struct slice *words, int count, struct slice *reply, struct err *err);

#endif
