/* One client: socket, TLS session, requests in, replies out. Inside net/ only, loop thread only. */
#ifndef MUSTER_NET_CONN_H
#define MUSTER_NET_CONN_H

#include "net/loop.h"
#include "tls/session.h"
#include "wire/codec.h"

/*  accept
 *    │
 *  HANDSHAKE ──TLS open──► NEW ──signed in──► READY        NEW: a few commands only, small limits, sign-in deadline
 *    │                      │ ◄─RESET, shut out─ │
 *    │                      └──── QUIT, bad bytes, end of input, drain ───┐
 *    │                                                                    ▼
 *    │                                     FINISHING   nothing is parsed any more; what is to be said is flushed
 *    │                                         ▼
 *    │                                      LINGER     our side is shut; what still comes is thrown away, because closing
 *    │                                         ▼       over unread bytes would reset the connection and lose the last reply
 *    └── deadline, broken socket ──────────► CLOSING   the handle is being closed; the struct waits for its run and the worker
 *
 * While a run is away nothing is parsed: replies are in the order of requests, and a client reads its own writes. */

enum signing { SIGN_CERTIFICATE, SIGN_AUTH, SIGN_HELLO, SIGN_AGAIN };

struct conn {
    struct server *server;
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint64_t id;
    enum conn_state state;

    /* bytes in */
    struct tls_session *tls; /* made with the first whole record */
    struct buf raw;          /* handshake: not yet given to the session */
    struct buf in;           /* decrypted, not yet parsed from in_at on */
    size_t in_at;
    enum codec_form form;
    bool reading, eof, handle_closed;

    /* bytes out */
    struct buf out; /* replies, not yet encrypted from out_at on */
    size_t out_at;
    struct buf sending; /* encrypted, being written from sending_at on */
    size_t sending_at;
    int proto;
    bool writing, full; /* full: parsing waits until the output has drained */
    uint64_t slow_since_ms;

    /* requests */
    struct run *run; /* being filled, away, or kept for the next time */
    bool away, held; /* held: a sign-in waits for its time */
    struct identity *identity;
    enum signing signing;
    int hello_proto;
    char *hello_name;

    /* something to do at a time */
    uint64_t due_ms;
    void (*due)(struct conn *c);

    /* who is it */
    char address[64]; /* "127.0.0.1:50000", "[::1]:50000" */
    char place[48];   /* the address alone, IPv6 cut to its /64: who waits after failed sign-ins */
    bool loopback, surplus;
    bool known; /* has been signed in: what waits may be replies from then */
    char *name, *lib_name, *lib_version;
    int64_t opened_ms;
    uint64_t since_ms, active_ms;
    int64_t requests;
    char last_command[48];

    struct list all, in_state, dirty, later, slow, shaking;
};

/* -- life: conn.c -- */
/* Accept one connection of the listener. */
void conn_accept(struct server *s);
/* Enter a state: its deadline begins. */
void conn_enter(struct conn *c, enum conn_state state);
/* The handshake is over: read on, and sign in by certificate if there is one. */
void conn_opened(struct conn *c);
/* Say what is left to say, then close. */
void conn_finish(struct conn *c);
/* Close at once. */
void conn_close(struct conn *c);
/* Free the struct if it is closed and neither a run, nor a worker, nor a write still refers to it. */
void conn_release(struct conn *c);
/* Do `due` in about `ms`; replaces what was planned before. */
void conn_later(struct conn *c, uint64_t ms, void (*due)(struct conn *c));

/* -- bytes: conn_io.c -- */
void conn_read(struct conn *c);                          /* start or stop reading, whichever is right now */
void conn_input(struct conn *c, struct slice encrypted); /* decrypt and go on with the requests */
void conn_go_on(struct conn *c);                         /* what stopped parsing is over */
void conn_touch(struct conn *c);                         /* flush it at the end of this callback */
void conn_flush(struct conn *c);
size_t conn_waiting(const struct conn *c); /* bytes of output not yet taken by the kernel */
/* Render one canonical reply for this client; a client that lets the hard limit fill up is cut. */
void conn_reply(struct conn *c, struct slice canonical);
void conn_refuse(struct conn *c, const struct err *err); /* an error reply */

#endif
