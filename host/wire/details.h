/* The details of an error inside its line, for clients that read no attributes: ` [arg=a; state=s; allowed=x,y]` at the end.
 *
 * Only those that say something, in this order; ` []` after a text that would otherwise be taken for one. In values
 * `%`, `[`, `]` and `;` are written `%25`, `%5B`, `%5D` and `%3B`, control characters as spaces. So the last `[` of
 * the line begins the details, or there are none.
 */
#ifndef MUSTER_WIRE_DETAILS_H
#define MUSTER_WIRE_DETAILS_H

#include "base/buf.h"
#include "base/err.h"

/* Append arg, state and allowed of `err` to the error line `line` (without its type and end), which stands at the end
 * of `out`. 0 or ERR_TOOBIG. */
int details_put(struct buf *out, struct slice line, const struct err *err);
/* Cut the details off the end of `line` and fill arg, state and allowed of `err` (which may be NULL). False, and
 * nothing changed, when there are none. */
bool details_take(struct slice *line, struct err *err);

/* Length of "rule" when `text` begins with "rule: ", else 0. */
size_t details_rule(struct slice text);
/* Does it begin so behind blanks, of which there may be none? Without a rule it then stands behind one more blank in its
 * line, which the reader takes off. */
bool details_like_rule(struct slice text);

#endif
