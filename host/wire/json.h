/* JSON text out of bytes: quoting, and a check with limits. Built on jansson. */
#ifndef MUSTER_WIRE_JSON_H
#define MUSTER_WIRE_JSON_H

#include "base/buf.h"
#include "base/err.h"

/* Append `text` (valid UTF-8) as a quoted JSON string. 0 or ERR_TOOBIG. */
int json_quote(struct slice text, struct buf *out);
/* Is it one JSON value, UTF-8, without duplicate keys, NUL characters or nesting beyond `depth`? 0 or ERR_ARG with the place. */
int json_check(struct slice text, int depth, struct err *err);

#endif
