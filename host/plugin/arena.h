/* Memory that is freed all at once: the declarations of one generation. */
#ifndef MUSTER_PLUGIN_ARENA_H
#define MUSTER_PLUGIN_ARENA_H

#include "base/buf.h"

struct arena_block;
/* Zero-initialise. */
struct arena {
    struct arena_block *blocks;
    size_t left; /* in the newest block */
};

void *arena_alloc(struct arena *a, size_t size);            /* zeroed, aligned for anything */
const char *arena_text(struct arena *a, struct slice text); /* NUL-terminated copy */
void arena_adopt(struct arena *a, void *allocated);         /* free() it with the arena */
void arena_close(struct arena *a);

/* Pointers that grow in number. Zero-initialise; free(items). */
struct vec {
    void **items;
    int count, cap;
};
void vec_push(struct vec *v, void *item);

#endif
