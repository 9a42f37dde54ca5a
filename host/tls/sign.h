/* ECDSA signatures with curve P-256 and SHA-256 (FIPS 186-4), keys in PEM. */
#ifndef MUSTER_TLS_SIGN_H
#define MUSTER_TLS_SIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "tls/random.h"

/* Make a key pair: `private_path` (mode 0600, refused if it exists) and `public_path`. */
int sign_new_key(const char *private_path, const char *public_path, struct err *err);
/* Sign bytes; the signature (DER) is appended to `out`. ERR_IO, or ERR_ARG when the file is no P-256 private key. */
int sign_bytes(const char *private_path, struct slice bytes, struct buf *out, struct err *err);
/* A public key from PEM text: its id (first 16 hex digits of the SHA-256 over its DER form). ERR_ARG. */
int sign_key_id(struct slice pem, char out[17], struct err *err);
/* Does the signature fit? 0, ERR_POLICY (rule "signature.wrong") or ERR_ARG (no key, no signature). */
int sign_verify(struct slice pem, struct slice bytes, struct slice signature, struct err *err);

#endif
