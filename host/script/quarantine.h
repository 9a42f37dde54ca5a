/* Plugins that brought the process down are noted in a file each, so that the next start leaves them out.
 *
 * A note is written where nothing else works any more: by the watchdog when a script can't be stopped, and by the
 * handler of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT when plugin code was running on the crashing thread. Its text
 * is lines "key=value": plugin, command, reason, at (ms UTC), generation. Whether a note is about what is installed now is
 * told by the generation; the clock may have been corrected. */
#ifndef MUSTER_SCRIPT_QUARANTINE_H
#define MUSTER_SCRIPT_QUARANTINE_H

#include "base/err.h"
#include "base/value.h"

/* Use this folder from now on (made if need be) and catch fatal signals. Before any lane starts. NULL: notes are not
 * written. */
int quarantine_start(const char *folder, struct err *err);
/* Let fatal signals of the calling thread be caught even when its stack is used up: a lane's thread, at its start. */
void quarantine_thread(void);
/* From now on this generation runs: notes say so. Any thread. */
void quarantine_generation(int64_t number);
/* Write a note and fsync it. Async-signal-safe; texts are cut at 200 bytes. */
void quarantine_note(const char *plugin, const char *command, const char *reason);

struct quarantine_entry {
    char plugin[64], command[128], reason[200];
    int64_t at_ms;
    int64_t generation; /* 0: an older program wrote it */
};
/* Was it written before the generation `number`, recorded at `at_ms`, began? */
bool quarantine_is_older(const struct quarantine_entry *note, int64_t number, int64_t at_ms);
/* Read the notes of a folder; a missing folder has none. Caller frees `*out`. */
int quarantine_read(const char *folder, struct quarantine_entry **out, int *count, struct err *err);
/* Take a plugin out of quarantine. 0, or ERR_NOTFOUND. */
int quarantine_clear(const char *folder, const char *plugin, struct err *err);

#endif
