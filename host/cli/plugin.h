/* `muster plugin SUBCOMMAND`: one file per subcommand, cli/plugin_SUBCOMMAND.c. */
#ifndef MUSTER_CLI_PLUGIN_H
#define MUSTER_CLI_PLUGIN_H

#include "cli/cli.h"

/* As the subcommands of cli.h: argv[0] is the subcommand's own name, and --help prints its manual. Errors are told as
 * those of "plugin NAME", so that `muster help plugin NAME` leads to the manual. */

int cli_plugin_new(int argc, char **argv);
int cli_plugin_build(int argc, char **argv);
int cli_plugin_check(int argc, char **argv);
int cli_plugin_test(int argc, char **argv);
int cli_plugin_manual(int argc, char **argv);
int cli_plugin_pack(int argc, char **argv);
int cli_plugin_sign(int argc, char **argv);
int cli_plugin_keys(int argc, char **argv);
int cli_plugin_install(int argc, char **argv);  /* upgrade, rehearse, and rollback to packages, too */
int cli_plugin_rollback(int argc, char **argv); /* of packages as install, else as the rest */
int cli_plugin_capsules(int argc, char **argv);
int cli_plugin_replay(int argc, char **argv);
int cli_plugin_change(int argc, char **argv); /* everything else that is one command of the server */

/* In the order of an author's day, then of an administrator's. Ended by an entry without name. */
extern const struct cli_command cli_plugin_commands[];

#endif
