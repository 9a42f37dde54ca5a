/* A host whose muster.h has grown reads the descriptor of a plugin that was built before: what the plugin does not know is
 * zero, everything else is as it was. Compiled by versions.sh, together with the host's own reader, with the grown header. */
#include "plugin/arena.h"
#include "plugin/object.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct arena arena = {0};
    struct object object;
    struct err err = {0};
    int wrong = argc == 2 ? object_open(&arena, argv[1], &object, &err) : 1;
    if (wrong) {
        fprintf(stderr, "reader: %s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < object.count; i++) {
        const struct muster_command *c = &object.commands[i];
        if (strncmp(c->name, "every.", 6) != 0 || !c->run || !c->returns || strcmp(c->summary_en, "For tests.") != 0 ||
            c->later || c->later_number != 0) {
            fprintf(stderr, "reader: command %zu is not as it was\n", i);
            wrong = 1;
        }
    }
    if (strcmp(object.name, "every") != 0 || strcmp(object.version, "1.0.0") != 0 || object.count < 10)
        wrong = 1;
    object_close(object.handle);
    arena_close(&arena);
    return wrong;
}
