/* UTF-8: strict check, length, cutting, display width, NFC. Built on utf8proc. */
#ifndef MUSTER_BASE_UTF8_H
#define MUSTER_BASE_UTF8_H

#include "base/buf.h"

bool utf8_valid(struct slice s);               /* strict: no surrogates, overlongs; NUL is refused too */
size_t utf8_count(struct slice s);             /* code points; s must be valid */
size_t utf8_cut(struct slice s, size_t bytes); /* largest n <= bytes that does not split a character */
size_t utf8_width(struct slice s);             /* terminal columns: CJK wide = 2, combining = 0 */
int utf8_nfc(struct slice s, struct buf *out); /* append the NFC form; 0, ERR_ARG (not UTF-8), ERR_TOOBIG */

#endif
