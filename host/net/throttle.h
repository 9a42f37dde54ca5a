/* How long somebody who failed to sign in has to wait: a bounded table of names with growing delays. */
#ifndef MUSTER_NET_THROTTLE_H
#define MUSTER_NET_THROTTLE_H

#include "base/buf.h"

enum {
    THROTTLE_SETS = 256,
    THROTTLE_WAYS = 4,
    THROTTLE_KEY = 48,
    THROTTLE_FIRST_MS = 250,
    THROTTLE_MOST_MS = 8000,
    THROTTLE_FORGET_MS = 600000
};

struct throttle_entry {
    unsigned char key[THROTTLE_KEY]; /* a longer name keeps its end only in the hash that chose the set */
    int fails;                       /* 0: free */
    uint64_t last_ms, until_ms;
};

/* Set-associative, so that it neither grows nor needs a sweep: a full set forgets the name that failed longest ago. */
struct throttle {
    uint64_t seed;
    struct throttle_entry sets[THROTTLE_SETS][THROTTLE_WAYS];
};

void throttle_init(struct throttle *t, uint64_t seed);
/* ms that `name` still has to wait; 0 when it may try. */
int throttle_wait(const struct throttle *t, struct slice name, uint64_t now_ms);
/* Count a failure: 250 ms, doubling up to 8 s; ten quiet minutes are forgiven. */
void throttle_fail(struct throttle *t, struct slice name, uint64_t now_ms);
void throttle_forget(struct throttle *t, struct slice name);

#endif
