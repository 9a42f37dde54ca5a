/* Random bytes and SHA-256: the two primitives the rest of the host may have of the TLS library. */
#ifndef MUSTER_TLS_RANDOM_H
#define MUSTER_TLS_RANDOM_H

#include "base/buf.h"

/* Fill with bytes of the kernel's generator (getrandom). Never fails: no entropy is a broken machine, so it aborts.
 * Any thread. */
void random_bytes(void *out, size_t len);

#define SHA256_BYTES 32
/* SHA-256 of the parts one after the other. */
void sha256(const struct slice *parts, int count, unsigned char out[SHA256_BYTES]);
/* Lower-case hex; `out` holds 2 * len + 1 bytes. */
void hex_encode(const unsigned char *bytes, size_t len, char *out);

#endif
