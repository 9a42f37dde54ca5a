/* Inside plugin/: start the process of a plugin: this program again, with nothing but its line. */
#ifndef MUSTER_PLUGIN_CHILD_SPAWN_H
#define MUSTER_PLUGIN_CHILD_SPAWN_H

#include "base/err.h"

/* Start `muster child` with the other end of `*line_fd` as its descriptor 3. 0, or ERR_IO. Any thread. */
int child_spawn(int *pid, int *line_fd, struct err *err);
/* Another program than the running one: tests. Before the first child_spawn. */
void child_spawn_program(const char *path);

#endif
