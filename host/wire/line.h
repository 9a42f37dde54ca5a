/* Plain lines typed by hand: words separated by spaces, quotes and escapes as redis-cli has them. */
#ifndef MUSTER_WIRE_LINE_H
#define MUSTER_WIRE_LINE_H

#include "base/err.h"
#include "wire/message.h"

/* Parse one line ended by LF (CR LF accepted) from the start of `in`. Returns as resp_parse does; an empty line has nargs 0.
 * "double quoted" knows \n \r \t \b \a \\ \" and \xHH; 'single quoted' knows \'. A quote must be followed by a space or the
 * end; inside a word after `name=` a quote may begin (name="two words"). Not UTF-8, NUL: ERR_PROTO. */
long line_parse(struct slice in, const struct wire_limits *limits, struct message *m, struct err *err);

/* Split one line of text into words by the same rules, without needing the LF. 0, or ERR_ARG (unbalanced quotes). */
int line_split(struct slice line, struct message *m, struct err *err);

#endif
