/* `muster serve --keep`: a process that starts the server again when it has crashed. */
#ifndef MUSTER_CLI_KEEP_H
#define MUSTER_CLI_KEEP_H

/* Run `muster serve` with these words, but for --keep, in a child process, and again whenever it dies by a signal; after
 * the first start also when it ends with an internal error. SIGTERM, SIGINT and SIGHUP are passed on. Returns the exit
 * status of the last child: when it ended by itself or because it was asked to, or would not start at all. The process
 * must have one thread. */
int keep_run(int argc, char **argv);

#endif
