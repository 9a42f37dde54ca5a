/* One TLS session as bytes in, bytes out: no socket. Used by one thread at a time. */
#ifndef MUSTER_TLS_SESSION_H
#define MUSTER_TLS_SESSION_H

#include "tls/endpoint.h"

struct tls_session;

enum tls_state {
    TLS_HANDSHAKE, /* wants bytes from the peer */
    TLS_OPEN,
    TLS_CLOSED, /* the peer said close_notify, or a fatal error; what is in the output should still be sent */
};

/* `host` (clients): the name the server's certificate must carry; NULL on servers. Takes a reference of the
 * endpoint. Never NULL. */
struct tls_session *tls_session_new(struct tls_endpoint *endpoint, const char *host);
void tls_session_free(struct tls_session *s); /* NULL is fine */

/* Process `encrypted` bytes of the peer (copied only where they must be kept) and append what was decrypted to
 * `plain`. During the handshake this does the public-key work (2 ms or more): servers run it on a worker thread,
 * one handshake of an endpoint at a time (mbedTLS 2.28 writes to the shared key's curve tables; once TLS_OPEN,
 * sessions are independent). A client calls it first with no bytes to produce the ClientHello. Returns 0, or a
 * negative code: the session is then TLS_CLOSED and an alert may be in the output. When `plain` reaches its
 * maximum, decrypting stops: 0 is returned, the rest is kept, tls_session_pending() says so; call again with no
 * bytes when there is room. A clean close_notify returns 0 with state TLS_CLOSED. */
int tls_session_input(struct tls_session *s, struct slice encrypted, struct buf *plain, struct err *err);
bool tls_session_pending(const struct tls_session *s);
/* Encrypt and append to the output; records of up to 16 KiB. 0 or ERR_STATE (not open). */
int tls_session_write(struct tls_session *s, struct slice plain, struct err *err);
/* Append close_notify to the output. */
void tls_session_close(struct tls_session *s);

/* Encrypted bytes to be sent. The caller may take the memory out (copy the struct and zero this one) or consume
 * from it. */
struct buf *tls_session_output(struct tls_session *s);
enum tls_state tls_session_state(const struct tls_session *s);

/* The peer's certificate, verified against the endpoint's CA. */
struct tls_peer {
    bool present;
    char name[128];       /* CN */
    char fingerprint[65]; /* SHA-256 of DER, lower-case hex */
};
/* Valid once TLS_OPEN. A resumed session has the peer of its first handshake. */
void tls_session_peer(const struct tls_session *s, struct tls_peer *peer);
/* "TLSv1.2", "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", was a ticket used? Valid once TLS_OPEN. */
const char *tls_session_version(const struct tls_session *s);
const char *tls_session_cipher(const struct tls_session *s);
bool tls_session_resumed(const struct tls_session *s);

/* Clients: keep the session's ticket for a later connection to the same server. */
struct tls_ticket;
struct tls_ticket *tls_session_ticket(const struct tls_session *s);              /* NULL if there is none */
void tls_session_resume(struct tls_session *s, const struct tls_ticket *ticket); /* before the first input */
void tls_ticket_free(struct tls_ticket *t);

#endif
