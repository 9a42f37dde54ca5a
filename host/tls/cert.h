/* X.509: the private CA, the certificates it signs, and what is read out of one. ECDSA P-256, SHA-256. */
#ifndef MUSTER_TLS_CERT_H
#define MUSTER_TLS_CERT_H

#include "base/buf.h"
#include "base/err.h"

/* What the host needs to know of a certificate. */
struct cert_info {
    char name[128];        /* subject CN */
    char fingerprint[65];  /* SHA-256 of the DER form, lower-case hex */
    int64_t not_before_ms; /* ms UTC */
    int64_t not_after_ms;
};

/* Make a new key and a self-signed CA certificate; PEM text is appended. valid_days from now_ms (start 1 h earlier
 * for clocks that differ). 0 or ERR_INTERNAL. */
int cert_make_ca(const char *name, int valid_days, struct buf *cert_pem, struct buf *key_pem, struct err *err);

struct cert_request {
    const char *name; /* subject CN */
    /* DNS names and IP addresses for the server's subjectAltName, NULL-terminated; NULL: client certificate */
    const char *const *hosts;
    int valid_days;
};
/* Make a new key and a certificate signed by the CA (extendedKeyUsage serverAuth or clientAuth). 0 or ERR_INTERNAL. */
int cert_issue(struct slice ca_cert_pem, struct slice ca_key_pem, const struct cert_request *request,
               struct buf *cert_pem, struct buf *key_pem, struct err *err);

/* Read the first certificate of PEM text. 0 or ERR_ARG. */
int cert_read(struct slice pem, struct cert_info *info, struct err *err);

#endif
