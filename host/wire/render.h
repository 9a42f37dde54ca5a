/* Renderings of the canonical form by pure functions: RESP2, RESP3 for clients, JSON text. */
#ifndef MUSTER_WIRE_RENDER_H
#define MUSTER_WIRE_RENDER_H

#include "base/buf.h"

/* Append one canonical reply as RESP3: as it is, but without attribute (few clients read them); `replayed` becomes a last pair of
 * a map reply, an error's details the end of its line (details.h); blobs become bulk strings.
 * 0, ERR_PROTO (not canonical), ERR_TOOBIG (out is full). */
int render_resp3(struct slice canonical, struct buf *out);
/* As RESP2: maps flatten to arrays, booleans to integers, doubles to bulk strings, null to `$-1`. */
int render_resp2(struct slice canonical, struct buf *out);
/* As JSON text: integers outside ±2^53 as strings, blobs as base64, U+2028/2029 escaped, errors as
 * {"error":{"code","message","rule","arg","state","allowed"}}. With `replayed` a map gets "replayed":true. */
int render_json(struct slice canonical, struct buf *out);

#endif
