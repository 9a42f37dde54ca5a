/* muster: one program, server and client. Picks the subcommand; the rest is in cli/. */
#include "cli/cli.h"

#include <locale.h>
#include <string.h>

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2) {
        cli_help(1, argv);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return cli_help(1, argv);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return cli_version(argc - 1, argv + 1);
    if (strcmp(name, "child") == 0)
        return cli_child(); /* how the server starts the process of a plugin; for nobody else, so not in the list */
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c->run(argc - 1, argv + 1);
    return cli_help(argc, argv); /* no such name: says so and suggests the nearest */
}
