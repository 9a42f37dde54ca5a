#include "plugin/arena.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    void *adopted;
    size_t size;
    _Alignas(ALIGN) char bytes[];
};

static struct arena_block *add_block(struct arena *a, size_t size)
{
    struct arena_block *block = mem_zalloc(sizeof(*block) + size);
    block->size = size;
    block->next = a->blocks;
    a->blocks = block;
    a->left = size;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (size > a->left)
        add_block(a, size > BLOCK_BYTES ? size : BLOCK_BYTES);
    char *out = a->blocks->bytes + (a->blocks->size - a->left);
    a->left -= size;
    return out;
}

const char *arena_text(struct arena *a, struct slice text)
{
    char *out = arena_alloc(a, text.len + 1);
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    return out;
}

void arena_adopt(struct arena *a, void *allocated)
{
    add_block(a, 0)->adopted = allocated;
}

void arena_close(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *block = a->blocks;
        a->blocks = block->next;
        free(block->adopted);
        free(block);
    }
    a->left = 0;
}

void vec_push(struct vec *v, void *item)
{
    if (v->count == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 16;
        v->items = mem_realloc(v->items, (size_t)v->cap * sizeof(*v->items));
    }
    v->items[v->count++] = item;
}
