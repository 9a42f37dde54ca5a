/* What the files of tls/ share of mbedTLS: the differences between 2.28 and 3.6 stay here and in the .c files
 * beside it. */
#ifndef MUSTER_TLS_MBED_H
#define MUSTER_TLS_MBED_H

#include "base/err.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include <stdatomic.h>
#include <stdint.h>

#define MBED_IS_3 (MBEDTLS_VERSION_NUMBER >= 0x03000000)
#if MBED_IS_3
#define MBED_FIELD(member) MBEDTLS_PRIVATE(member)
#else
#define MBED_FIELD(member) member
#endif

/* The kernel's generator in the shape mbedTLS wants; no state, so any thread. */
int mbed_random(void *unused, unsigned char *out, size_t len);
/* Once per process before any key or session is made; any thread. 0 or ERR_INTERNAL. */
int mbed_start(struct err *err);
/* "WHAT: mbedTLS's words (-0xNNNN)". Returns `code`. */
int mbed_fail(struct err *err, int code, const char *what, int ret);
/* Common name of the subject (cut to fit, control characters become '?') and SHA-256 of the DER form in hex. */
void mbed_subject(const mbedtls_x509_crt *crt, char *name, size_t name_size);
void mbed_fingerprint(const mbedtls_x509_crt *crt, char out[65]);
/* ms UTC of a certificate's date. */
int64_t mbed_time_ms(const mbedtls_x509_time *t);

/* The keys that tickets are encrypted with: two that take turns every day. Shared by the endpoints of one server over
 * reloads, as long as the CA stays the same: a ticket stands for a certificate that this CA signed. */
struct ticket_keys {
    atomic_int refs;
    mbedtls_ssl_ticket_context keys;
};

struct tls_endpoint {
    atomic_int refs;
    bool server;
    mbedtls_ssl_config conf;
    mbedtls_x509_crt ca;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    bool has_cert;
    struct ticket_keys *tickets; /* servers */
};

#endif
