/* JSON text written in one way only: sorted keys, no blanks, shortest numbers. */
#ifndef MUSTER_SCRIPT_JSONTEXT_H
#define MUSTER_SCRIPT_JSONTEXT_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

#define JSON_DEPTH_MAX 32

/* Parse one JSON value of any kind: UTF-8, no duplicate keys, no NUL, integers within int64, nested at most
 * JSON_DEPTH_MAX. 0 with a new reference, or ERR_ARG saying where it went wrong. */
int jsontext_parse(struct slice text, json_t **out, struct err *err);
/* Append the canonical text of a value. 0 or ERR_TOOBIG. */
int jsontext_put(const json_t *value, struct buf *out);
/* The shortest digits that read back as the same double, with a point or an exponent. ERR_ARG for inf and nan. */
int jsontext_double(double d, struct buf *out);
/* A quoted string. */
int jsontext_quote(struct slice text, struct buf *out);

#endif
