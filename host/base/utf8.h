/* UTF-8: strict check, length, cutting, display width, NFC. Built on utf8proc. */
#ifndef MUSTER_BASE_UTF8_H
#define MUSTER_BASE_UTF8_H

#include "base/buf.h"
#include "base/err.h"

bool utf8_valid(struct slice s);               /* strict: no surrogates, overlongs; NUL is refused too */
size_t utf8_count(struct slice s);             /* code points; s must be valid */
size_t utf8_cut(struct slice s, size_t bytes); /* largest n <= bytes that does not split a character */
size_t utf8_width(struct slice s);             /* terminal columns: CJK wide = 2, combining = 0 */
/* Append the NFC form, or nothing. 0; ERR_ARG "text.utf8" or "text.marks": more than 30 combining marks in a row, which no
 * writing needs (the stream-safe text format, unicode.org/reports/tr15); ERR_TOOBIG "text.size": more than 1 MiB, or than
 * `out` holds. */
int utf8_nfc(struct slice s, struct buf *out, struct err *err);

#endif
