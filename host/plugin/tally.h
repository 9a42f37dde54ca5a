/* What runs have cost their plugin, and which commands were stopped too often to run again soon. Any lane. */
#ifndef MUSTER_PLUGIN_TALLY_H
#define MUSTER_PLUGIN_TALLY_H

#include "plugin/catalog.h"
#include "script/sandbox.h"

/* Count a run that has ended with `rv`; `sb` is its state, or NULL for native code. `command` is NULL for a figure. A
 * stop counts against the command unless the time was cut short by the client or by an outer command. */
void tally_run(const struct package *p, const struct declared_command *command, const struct frame *frame,
               const struct sandbox *sb, int rv);
/* Was it stopped KILLS_MAX times within ten minutes, the last time less than ten minutes ago? 0 or ERR_STATE with rule
 * "limit.suspended". */
int tally_suspended(const struct declared_command *command, struct err *err);

#endif
