#include "net/throttle.h"

#include <string.h>

static uint64_t hash_of(const struct throttle *t, struct slice name)
{
    uint64_t h = t->seed ^ 0xcbf29ce484222325u; /* FNV-1a, started at a secret place */
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static void key_of(struct slice name, unsigned char key[THROTTLE_KEY])
{
    memset(key, 0, THROTTLE_KEY);
    if (name.len)
        memcpy(key, name.data, name.len < THROTTLE_KEY ? name.len : THROTTLE_KEY);
}

static struct throttle_entry *find(const struct throttle *t, struct slice name)
{
    unsigned char key[THROTTLE_KEY];
    key_of(name, key);
    const struct throttle_entry *set = t->sets[hash_of(t, name) % THROTTLE_SETS];
    for (int i = 0; i < THROTTLE_WAYS; i++)
        if (set[i].fails && memcmp(set[i].key, key, THROTTLE_KEY) == 0)
            return (struct throttle_entry *)&set[i];
    return NULL;
}

void throttle_init(struct throttle *t, uint64_t seed)
{
    memset(t, 0, sizeof(*t));
    t->seed = seed;
}

int throttle_wait(const struct throttle *t, struct slice name, uint64_t now_ms)
{
    const struct throttle_entry *e = find(t, name);
    return e && e->until_ms > now_ms ? (int)(e->until_ms - now_ms) : 0;
}

/* A free place of the set, or the one whose failure is longest ago. */
static struct throttle_entry *place(struct throttle *t, struct slice name)
{
    struct throttle_entry *set = t->sets[hash_of(t, name) % THROTTLE_SETS];
    struct throttle_entry *oldest = &set[0];
    for (int i = 0; i < THROTTLE_WAYS; i++) {
        if (!set[i].fails)
            return &set[i];
        if (set[i].last_ms < oldest->last_ms)
            oldest = &set[i];
    }
    return oldest;
}

void throttle_fail(struct throttle *t, struct slice name, uint64_t now_ms)
{
    struct throttle_entry *e = find(t, name);
    if (!e) {
        e = place(t, name);
        memset(e, 0, sizeof(*e));
        key_of(name, e->key);
    } else if (now_ms - e->last_ms > THROTTLE_FORGET_MS) {
        e->fails = 0;
    }
    int wait = e->fails < 5 ? THROTTLE_FIRST_MS << e->fails : THROTTLE_MOST_MS;
    e->fails++;
    e->last_ms = now_ms;
    e->until_ms = now_ms + (uint64_t)wait;
}

void throttle_forget(struct throttle *t, struct slice name)
{
    struct throttle_entry *e = find(t, name);
    if (e)
        memset(e, 0, sizeof(*e));
}
