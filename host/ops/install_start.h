/* Which plugins a start of the server runs, and the record of it. For cli/. */
#ifndef MUSTER_OPS_INSTALL_START_H
#define MUSTER_OPS_INSTALL_START_H

#include "ops/install_record.h"

/* Compose the set of plugins of this start: the packages of the newest generation and what came with the program,
 * without what is disabled, in quarantine, changed on the disk, or requires such. Is it what was recorded, that
 * generation goes on; otherwise a new one is recorded, if `record` says so. A generation that brought the process down
 * while it was watched is given up for the one before it, migrations too. In safe mode: no plugin, and no record.
 * No lane may be open. 0, or why these plugins cannot run. */
int install_start(const struct site *site, const char *db_path, bool record, struct registry **out, struct err *err);
/* Does the plugin's folder say what its package said? 0, ERR_CONFLICT (rule "package.changed"), ERR_NOTFOUND when the
 * package is not known. Inside a read or outside of any transaction. */
int install_verify(const struct site *site, struct store *s, const struct set_plugin *p, struct err *err);

#endif
