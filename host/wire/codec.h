/* The choice of a connection's form by its first byte, and one way to parse and render whatever was chosen. */
#ifndef MUSTER_WIRE_CODEC_H
#define MUSTER_WIRE_CODEC_H

#include "wire/message.h"

#include "base/err.h"

enum codec_form {
    CODEC_NONE, /* the first byte is of no known form */
    CODEC_RESP, /* '*' */
    CODEC_LINE, /* an ASCII letter */
};

enum codec_form codec_choose(char first_byte);
/* As resp_parse, for the chosen form. A plain line that is an HTTP request or header is ERR_PROTO with rule "http". */
long codec_parse(enum codec_form form, struct slice in, const struct wire_limits *limits, struct message *m,
                 struct err *err);
/* Render one canonical reply for a client of this form; proto is 2 or 3 (plain lines: always 2). 0 or a negative code. */
int codec_render(enum codec_form form, int proto, struct slice canonical, struct buf *out);

#endif
