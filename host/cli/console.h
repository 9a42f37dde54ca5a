/* Trying a command out on the server: what `muster console` does, for `muster call --dry-run`. */
#ifndef MUSTER_CLI_CONSOLE_H
#define MUSTER_CLI_CONSOLE_H

#include "cli/docs.h"

/* Run the command of these words inside a lua.eval, which undoes it, and print its reply and the rows that it would
 * change. `docs` names the arguments that were given by position. The client is closed, and NULL, when the connection
 * fails. 0 or the refusal. */
int console_try(struct client **client, const struct slice *words, int count, const struct docs *docs, bool json,
                struct err *err);

#endif
