/* Crashes of plugins' processes: a short record each, for doctor and for whoever wrote the plugin. At most a hundred are
 * kept. */
#ifndef MUSTER_PLUGIN_CHILD_CRASH_H
#define MUSTER_PLUGIN_CHILD_CRASH_H

#include "base/err.h"

#include <stdint.h>

struct child_crash {
    int64_t at_ms;
    char plugin[64], version[64], command[128], user[128]; /* "-": it had nothing to do */
    char how[128];                                         /* "signal 11 (Segmentation fault)" */
};

/* Write records into DATA/crashes from now on (made when it is needed); NULL: nowhere. Before any lane starts. */
void child_crash_start(const char *data);
/* Write one. Any thread. What can't be written is logged. */
void child_crash_note(const struct child_crash *crash);
/* The records of DATA/crashes, newest first; a missing folder has none. Caller frees `*out`. */
int child_crash_read(const char *data, struct child_crash **out, int *count, struct err *err);

#endif
