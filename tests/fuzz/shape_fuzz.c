/* Shapes: what is accepted is a tree whose nodes all lie inside its allocation (the address sanitizer sees to that). */
#include "plugin/args.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int walk(const struct shape *shape, int depth)
{
    if (depth > 32 || shape->type > SHAPE_MAP)
        abort();
    int nodes = 1;
    for (int i = 0; i < shape->count; i++) {
        if (shape->type == SHAPE_MAP && strlen(shape->items[i].name) == 0)
            abort();
        nodes += walk(&shape->items[i], depth + 1);
    }
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    struct shape *shape = NULL;
    struct err err = {0};
    if (shape_parse(text, &shape, &err) == 0) {
        if (walk(shape, 0) > (int)size + 1)
            abort();
    } else if (err.code != ERR_ARG || shape) {
        abort();
    }
    shape_free(shape);
    free(text);
    return 0;
}
