/* What a stranger's process says it declares: taken over whole, with names and arguments as the grammar has them, or refused. */
#include "plugin/native.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct command *c)
{
    if (!name_is_of("demo", slice_of(c->name)) || c->nargs > NATIVE_ARGS_MAX || !c->returns || !c->summary_en ||
        c->timeout_ms < 1 || c->timeout_ms > 60000 || (c->pure && c->mode != MODE_READ) || c->native != native_call ||
        ((const struct muster_command *)c->native_data)->run)
        abort();
    for (int i = 0; i < c->nargs; i++)
        if (strlen(c->args[i].name) == 0 || (c->pure && c->args[i].type == ARG_UNIT))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry r = {0};
    struct package p = {.plugin = {.name = "demo", .version = "1.0.0"}};
    struct err err = {0};
    if (native_declare(&r, &p, (struct slice){(const char *)data, size}, &err) != 0 && err.code != ERR_ARG)
        abort();
    for (int i = 0; i < r.commands.count; i++)
        check(r.commands.items[i]);
    free(r.commands.items);
    arena_close(&r.arena);
    return 0;
}
