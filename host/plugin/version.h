/* Versions and version ranges of plugins. */
#ifndef MUSTER_PLUGIN_VERSION_H
#define MUSTER_PLUGIN_VERSION_H

#include "base/buf.h"
#include "base/err.h"

/* MAJOR.MINOR.PATCH with an optional -PRERELEASE, compared as Semantic Versioning 2.0.0 says (semver.org §11). Build
 * metadata (+…) is refused, so that equal versions are equal texts. */
struct version {
    int major, minor, patch;
    char pre[32]; /* "" for a release */
};

/* 0 or ERR_ARG (rule "version.form"). Each number is at most 999999. */
int version_parse(struct slice text, struct version *out, struct err *err);
int version_compare(const struct version *a, const struct version *b); /* <0, 0, >0 */

/* A range is comparisons joined by blanks, all of which must hold: ">=1.2 <2", "=1.0.3", ">1.0.0", "<=2"; missing parts
 * are 0. "*" (or an empty text) is every version. A pre-release is in a range only if the range names one. Alternatives
 * (||) and carets are refused: they are not needed to say "from this one, below that one". 0 or ERR_ARG (rule
 * "version.range"). */
int range_check(struct slice range, struct err *err);
/* Does it hold? The range was checked before. */
bool range_holds(struct slice range, const struct version *v);

#endif
