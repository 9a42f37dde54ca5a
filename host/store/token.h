/* SQL text cut into tokens, just well enough for the rules of the portable subset. */
#ifndef MUSTER_STORE_TOKEN_H
#define MUSTER_STORE_TOKEN_H

#include <stdbool.h>

#include "base/buf.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* unquoted name or keyword */
    TOKEN_QUOTED, /* "name" */
    TOKEN_STRING, /* 'text' */
    TOKEN_NUMBER,
    TOKEN_PARAM, /* ?  ?1  :name  @name  $name */
    TOKEN_OP,    /* punctuation; several characters for ->, ->>, ||, ==, <>, !=, <=, >=, <<, >> */
    TOKEN_BAD,   /* an unknown character, or a string, quoted name or comment that does not end */
};

struct token {
    enum token_kind kind;
    struct slice text; /* as written, quotes included */
    int depth;         /* parentheses open around it; an opening or closing one counts as outside */
    bool joined;       /* no blank or comment before it */
};

/* The token at the beginning of `*rest`, which moves past it. Blanks and comments are skipped; TOKEN_END when
 * nothing is left. `depth` is left to the caller. Follows the SQLite tokenizer (sqlite.org/lang_keywords,
 * lang_comment), stricter where PostgreSQL reads the same bytes otherwise: a comment inside a comment, [name] and
 * `name` are TOKEN_BAD. */
struct token token_next(struct slice *rest);

/* Is it this keyword (given in lower case), unquoted? */
bool token_is(const struct token *t, const char *word);
bool token_is_op(const struct token *t, const char *op);

#endif
