/* `--locked FILE`: install what a lock file says. */
#ifndef MUSTER_CLI_PLUGIN_LOCK_H
#define MUSTER_CLI_PLUGIN_LOCK_H

#include "cli/plugin_resolve.h"

#include <jansson.h>

/* Choose exactly the packages that the file names; `running` is the reply of plugin.list. Tells on standard error of
 * packages that run and are not named. 0; ERR_NOTFOUND (rules "lock.file", "lock.missing"), ERR_ARG or ERR_CONFLICT
 * ("lock.form"; "lock.bundled": what came with the program is another one). */
int lock_choose(struct offers *offers, const json_t *running, const char *path, struct err *err);

#endif
