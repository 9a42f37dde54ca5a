/* Inside plugin/: declarations taken from a list, and the words both the grammar and the binder use. */
#ifndef MUSTER_PLUGIN_SPEC_H
#define MUSTER_PLUGIN_SPEC_H

#include "plugin/args.h"

/* As args_parse, one spec an element (a default may then hold blanks). */
int args_parse_list(const struct slice *specs, int count, struct arg **out, struct err *err);
/* Is it a name that belongs to the host (idem, at, timeout_ms, lang)? */
bool arg_reserved(struct slice name);
/* `-?[0-9]+` within int64: 0, ERR_ARG (not of that form) or ERR_LIMIT (out of range). */
int parse_int(struct slice text, int64_t *out);
/* Edit distance of two short names, cut at `limit`: for suggestions. */
int name_distance(struct slice a, struct slice b, int limit);

#endif
