#include "cli/plugin.h"

#include <stdio.h>
#include <string.h>

const struct cli_command cli_plugin_commands[] = {
    {NULL, NULL, NULL},
};

static const char *name_of(const void *unused, int i)
{
    (void)unused;
    return cli_plugin_commands[i].name;
}

static void print_list(FILE *to)
{
    fputs("Usage: muster plugin SUBCOMMAND [OPTIONS]\n\n", to);
    for (const struct cli_command *c = cli_plugin_commands; c->name != NULL; c++)
        fprintf(to, "  %-9s %s\n", c->name, c->summary);
    fputs("\nmuster help plugin SUBCOMMAND prints its manual.\n", to);
}

int cli_plugin(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_list(stdout);
        return 0;
    }
    if (argc < 2) {
        fputs("muster plugin: which subcommand?\n", stderr);
        print_list(stderr);
        return 2;
    }
    for (const struct cli_command *c = cli_plugin_commands; c->name != NULL; c++)
        if (strcmp(c->name, argv[1]) == 0)
            return c->run(argc - 1, argv + 1);
    const char *near = cli_nearest(argv[1], name_of, NULL);
    fprintf(stderr, "muster plugin: there is no subcommand \"%s\"%s%s%s\n", argv[1],
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
    print_list(stderr);
    return 2;
}
