/* The host's own commands, declared as a plugin's are. */
#ifndef MUSTER_OPS_COMMANDS_H
#define MUSTER_OPS_COMMANDS_H

#include "plugin/declare.h"

/* For registry_sources: a NULL-terminated list of arrays, each ended by a name of NULL. */
extern const struct native_command *const host_commands[];

/* Its parts. */
extern const struct native_command user_commands[], role_commands[], audit_commands[], figure_commands[],
    plugin_commands[], console_commands[];

#endif
