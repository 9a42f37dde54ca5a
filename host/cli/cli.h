/* The subcommands of the `muster` program. */
#ifndef MUSTER_CLI_CLI_H
#define MUSTER_CLI_CLI_H

#include "base/err.h"

/* Each takes its own words, argv[0] being its name, and returns the exit status (0, or err_exit_status of what went
 * wrong; 2 for a wrong use). With --help it prints its manual to standard output. */
int cli_init(int argc, char **argv);
int cli_serve(int argc, char **argv);
int cli_call(int argc, char **argv);
int cli_shell(int argc, char **argv);
int cli_console(int argc, char **argv);
int cli_play(int argc, char **argv);
int cli_plugin(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_child(void);

struct cli_command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};
/* Ended by an entry without name. */
extern const struct cli_command cli_commands[];
/* `muster help [SUBCOMMAND]`, `muster help plugin SUBCOMMAND`. */
int cli_help(int argc, char **argv);

/* One line on standard error: "muster NAME: CODE rule: text" and, where known and not said in the text, argument, state
 * and what is possible instead. Returns the exit status. */
int cli_fail(const char *name, const struct err *err);
/* "muster NAME: text" for a wrong use, with a hint to the manual. Returns 2. */
int cli_misuse(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The candidate nearest to `word` (at most 3 edits away, and fewer than its length), or NULL. `next(arg, i)` gives
 * the i-th candidate, NULL after the last. */
const char *cli_nearest(const char *word, const char *(*next)(const void *arg, int i), const void *arg);

#endif
