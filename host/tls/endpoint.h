/* What all sessions of one side share: certificate, key, CA, cipher suites, ticket keys. */
#ifndef MUSTER_TLS_ENDPOINT_H
#define MUSTER_TLS_ENDPOINT_H

#include "base/buf.h"
#include "base/err.h"

/* Immutable once made; a session keeps the endpoint it was made with, so that reloading is making a new one.
 * Reference counted (atomic). */
struct tls_endpoint;

struct tls_files {
    const char *ca;   /* PEM: who may sign the other side */
    const char *cert; /* PEM; NULL on a client without certificate */
    const char *key;  /* PEM; NULL as cert */
};

/* A server: TLS 1.2 on mbedTLS 2.28 (1.3 too where the library has it), ECDHE-ECDSA with AES-128-GCM first, then
 * AES-256-GCM and ChaCha20-Poly1305; P-256; client certificate requested, not required; session tickets (keys
 * rotate daily, kept across reload when `previous` is given); renegotiation off; ALPN "muster-resp/1": a client
 * that offers ALPN without it is refused. 0 or ERR_IO / ERR_ARG naming the file. */
int tls_server_new(const struct tls_files *files, struct tls_endpoint *previous, struct tls_endpoint **out,
                   struct err *err);
/* A client: verifies the server by files->ca; `files->cert` NULL for sign-in by password. */
int tls_client_new(const struct tls_files *files, struct tls_endpoint **out, struct err *err);
struct tls_endpoint *tls_endpoint_ref(struct tls_endpoint *e);
void tls_endpoint_unref(struct tls_endpoint *e); /* NULL is fine */
/* End of validity of the endpoint's own certificate, ms UTC; 0 without one. */
int64_t tls_endpoint_expires_ms(const struct tls_endpoint *e);
/* "mbed TLS 2.28.3": of the library in use. */
const char *tls_library_version(void);

#endif
