#include "cli/plugin.h"

#include <stdio.h>
#include <string.h>

const struct cli_command cli_plugin_commands[] = {
    {"new", "make the folder of a new plugin, in Lua or in C", cli_plugin_new},
    {"build", "compile a plugin's C files", cli_plugin_build},
    {"check", "look a plugin's folder over for mistakes, without running it", cli_plugin_check},
    {"test", "run a plugin's tests in a host of its own", cli_plugin_test},
    {"manual", "print what a plugin declares as a page", cli_plugin_manual},
    {"pack", "make a package of a plugin's folder", cli_plugin_pack},
    {"sign", "sign a package", cli_plugin_sign},
    {"keys", "make a key; say whose packages a server takes", cli_plugin_keys},
    {"rehearse", "play the last calls with new plugins, on copies, and compare", cli_plugin_install},
    {"install", "install packages, while the server runs", cli_plugin_install},
    {"upgrade", "install newer versions of plugins", cli_plugin_install},
    {"rollback", "go back to the set before, or one plugin to its version before", cli_plugin_rollback},
    {"enable", "let a plugin run again", cli_plugin_change},
    {"disable", "stop a plugin; its tables stay", cli_plugin_change},
    {"remove", "take a plugin away; its tables stay", cli_plugin_change},
    {"purge", "drop the tables of a plugin that was removed", cli_plugin_change},
    {"list", "list the plugins, and why one does not run", cli_plugin_change},
    {"show", "show one plugin: origin, rights, cost", cli_plugin_change},
    {"verify", "compare the plugins' files with what was installed", cli_plugin_change},
    {"generations", "list the sets of plugins that ran", cli_plugin_change},
    {"capsules", "list the calls that failed by a fault of a plugin", cli_plugin_capsules},
    {"replay", "play one of these with a plugin's folder", cli_plugin_replay},
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
        fprintf(to, "  %-12s %s\n", c->name, c->summary);
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
