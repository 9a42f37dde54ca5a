/* Binding: the words of a request become typed values, or a refusal that names argument, rule and type. */
#ifndef MUSTER_PLUGIN_ARGS_H
#define MUSTER_PLUGIN_ARGS_H

#include "plugin/declare.h"

/* Parse specs separated by blanks (`text`, NUL-terminated); the array and its texts live in one allocation: args_free.
 * 0 or ERR_ARG saying which spec is wrong and why. */
int args_parse(const char *specs, struct arg **out, int *count, struct err *err);
void args_free(struct arg *args);
int shape_parse(const char *text, struct shape **out, struct err *err);
enum { SHAPE_KEYS_BYTES = 160 };
/* The keys of a map's shape for a message, "id, name", cut to fit. Returns `out`. */
const char *shape_keys(const struct shape *map, char *out, size_t size);
void shape_free(struct shape *shape);

/* One bound request. Texts point into the words given or into `scratch`. Zero-initialise; bound_close frees. */
struct bound {
    struct value *values; /* one for each declared argument; VALUE_NULL when absent */
    int cap;
    struct buf scratch;
    /* reserved arguments */
    struct slice idem; /* "" when absent; at most 200 bytes */
    struct slice lang; /* "" when absent */
    int64_t at_ms;
    bool has_at;
    int timeout_ms;  /* 0: the command's own */
    bool named_only; /* set by the caller: every word is name=value, none is positional (calls between plugins) */
};
void bound_close(struct bound *b);

/* Bind words: "name=value" split at the first `=`; positional in declared order before the first named one. A word is named when what
 * stands before its `=` is lower-case letters, digits and `_`, so a misspelt name is never taken for a text; a text with such
 * a beginning is sent by its name. Errors: ERR_ARG, rule "arg.required", "arg.unknown" (suggests the nearest), "arg.type",
 * "arg.range", "arg.utf8", "arg.twice", "arg.read_only" (idem or at with a read command). */
int args_bind(const struct arg *args, int nargs, enum mode mode, const struct slice *words, int nwords,
              struct bound *out, struct err *err);
/* Check and convert one text by one declaration. Texts may be put into `scratch`. */
int arg_value(const struct arg *arg, struct slice text, struct buf *scratch, struct value *out, struct err *err);

/* SHA-256 of a command and its bound values (not of idem, lang and timeout_ms; at is included): equal requests have
 * equal hashes, in whatever order or spelling the arguments came. */
void args_hash(const struct command *command, const struct bound *b, unsigned char out[32]);
/* Append {"name":value,…} as JSON text with secrets as "***", cut at `max_bytes` (a cut long text ends in "…"). */
void args_redacted(const struct command *command, const struct bound *b, size_t max_bytes, struct buf *out);

#endif
