/* What was typed before: $XDG_STATE_HOME/muster/NAME (or ~/.local/state), readable by its owner alone. */
#ifndef MUSTER_CLI_HISTORY_H
#define MUSTER_CLI_HISTORY_H

/* Load it into libedit; without a home folder history lasts as long as the process. */
void history_open(const char *name);
/* Add a line and append it to the file. Empty lines, repetitions and lines with secrets are left out. */
void history_keep(const char *line);

#endif
