/* Inside cnkit: the functions behind its commands, listed in cnkit.c, and what their files share. All are pure: bytes
 * in, one reply out; no statics that change, memory from host->alloc. */
#ifndef CNKIT_H
#define CNKIT_H

#include <muster.h>

#include <stdbool.h>
#include <string.h>

#define CNKIT_COMMAND(name)                                                                                            \
    int cnkit_##name(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)

/* -- text.c -- */

CNKIT_COMMAND(name_norm);

/* A text of at most `max` characters as code points: `out` has room for CNKIT_POINTS(max). */
#define CNKIT_POINTS(max) (3 * (max))
/* NFC of `text` (valid UTF-8) in code points; how many there are, or -1 when they would be more than `max`. */
int cnkit_points(struct muster_text text, int32_t *out, int max);
/* The form in which names are stored, in place; how many code points are left. */
int cnkit_normal(int32_t *points, int count);
/* Code points as UTF-8: `out` has room for 4 bytes each. Returns the bytes written. */
size_t cnkit_bytes(const int32_t *points, int count, char *out);
bool cnkit_is_han(int32_t c);

#endif
