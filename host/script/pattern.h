/* Lua patterns (reference manual 5.4, §6.4.1): a text becomes a list of items, and matching walks the list without
 * recursion, asking after every step whether the state must die. */
#ifndef MUSTER_SCRIPT_PATTERN_H
#define MUSTER_SCRIPT_PATTERN_H

#include "script/sandbox.h"

#define PATTERN_BYTES_MAX 4096
#define PATTERN_CAPTURES_MAX 32

enum { PATTERN_FEW = 24 }; /* items that need no memory of their own */

struct pattern_item {
    uint8_t kind, test, letter, partner; /* pattern.c knows them */
    uint8_t negated, capture;
    uint8_t least;              /* characters a repeated item must take */
    int16_t back;               /* the item to try again when this one fails; -1: none */
    const char *set, *set_end;  /* [set]; of a fault, `set` is its message */
    const char *lowest, *taken; /* while matching: where it may stop at the earliest, and where it stopped */
};

struct pattern_capture {
    const char *start, *end; /* end NULL: a position */
};

/* Does not move: a short pattern's items lie inside. */
struct pattern {
    lua_State *L;
    const char *subject, *end;
    struct pattern_item *items;
    int ncaptures;
    uint32_t open; /* captures never closed, by bit */
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern_item few[PATTERN_FEW];
};

/* Make the items of `text`, which must stay on the stack, and push what holds them. A wrong pattern raises when a match
 * comes to the wrong place, as the manual's implementation does; only its length is refused here. [-0, +1, e] */
void pattern_compile(lua_State *L, struct pattern *p, struct slice text);
/* Search in this text from now on. */
void pattern_subject(struct pattern *p, struct slice subject);
/* Match at `at`, a place of the subject. Where the match ends, or NULL. [-0, +0, e] */
const char *pattern_match(struct pattern *p, const char *at);
/* Push capture `i` of the match from `at` to `end`; with no captures, the 0th is the whole match. [-0, +1, e] */
void pattern_push(struct pattern *p, int i, const char *at, const char *end);
/* Push all captures; the whole match if there are none and `whole`. Their number. [-0, +n, e] */
int pattern_push_all(struct pattern *p, bool whole, const char *at, const char *end);

#endif
