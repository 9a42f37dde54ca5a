/* A plugin in a process of its own: one for each lane. The process is this program again, it holds the plugin and
 * nothing else, and it can do nothing but ask over its line (remote.h, child_line.h). What goes wrong in it, goes wrong
 * there: its command is refused and undone, others do not notice, and it is started again. */
#ifndef MUSTER_PLUGIN_CHILD_H
#define MUSTER_PLUGIN_CHILD_H

#include "plugin/remote.h"

struct child;

struct child_options {
    const struct plugin *plugin; /* outlives it */
    const char *native_dir;      /* where NAME.so is, if not in the folder; or NULL */
    const char *lib_dir;         /* or NULL */
    struct runtime_limits limits;
};

/* Start it and wait until the plugin is loaded and is the one that was declared. Any thread; then the lane's. 0, or
 * why the plugin could not be loaded. */
int child_start(const struct child_options *options, struct child **out, struct err *err);
void child_free(struct child *c); /* ends the process and buries it; NULL is fine */
/* Run one command or figure in it, answering what it asks meanwhile; may be called again from inside. Appends the reply
 * to `out`. Errors are the plugin's, and: ERR_TIMEOUT (rule "limit.time") when it did not stop and was killed,
 * ERR_INTERNAL (rule "plugin.crashed"), ERR_BUSY (rule "plugin.restarting") after that, for 0.1 s up to a minute. */
int child_run(struct child *c, const struct remote_task *task, struct buf *out, struct err *err);
/* Describe the shared object of a plugin in a process that ends with it, see native_describe: appends its text. */
int child_describe(const char *so_path, struct buf *out, struct err *err);
/* Its process, or 0 when there is none: tests. */
int child_pid(const struct child *c);

/* The process itself: what `muster child` does. Its line is descriptor 3. Returns the exit status. */
int child_main(void);

#endif
