/* What a plugin's process gives up, step by step. Called in that process only, but for what is said so. */
#ifndef MUSTER_PLUGIN_CHILD_BOX_H
#define MUSTER_PLUGIN_CHILD_BOX_H

#include "base/err.h"

/* Before anything of the plugin is read, and while the process has one thread: dies with its parent, gains no rights,
 * can't be traced by others, writes no file, has at most `memory` bytes beyond what it has now. Of the file system it
 * sees `folders` (NULL-terminated; absent ones are skipped) and the system's libraries, to read; on a kernel without
 * Landlock, what its user may read. Where Landlock is new enough (Linux 6.12), it can signal nobody else. */
int child_box_enter(const char *const *folders, size_t memory, struct err *err);
/* Does this kernel have no Landlock, so that code may read files of the server's user while it is loaded? Any process. */
bool child_box_sees_files(void);
/* Once the process has all the threads it will ever have, before the plugin's first byte runs: it may load code and
 * open files for reading; no network, no process, no thread. */
int child_box_load(struct err *err);
/* Once the plugin is loaded: memory, clocks, its line, nothing else; no file at all, and no new code. */
int child_box_run(struct err *err);
/* How many filters the two of them are. */
enum { CHILD_BOX_FILTERS = 2 };

/* The server's side, which believes the kernel and not the process. A descriptor that tells of process `pid`, or -1: to
 * be opened before child_box_enter, for afterwards its user may not look any more. */
int child_box_open(int pid);
/* The filters that it is under now, or -1 when that is not told (before Linux 5.10, or without /proc). */
int child_box_filters(int status_fd);

#endif
