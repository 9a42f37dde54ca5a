/* Capsules: a plugin's failed call with everything that the host told it meanwhile, to be played again elsewhere.
 *
 * One is made when a plugin's command or figure fails by a fault of its own (ERR_INTERNAL). What failed was rolled back;
 * it is run once more in the same state of the data, through remote.h with a recorder in between, and rolled back
 * again. Calls that succeed, and refusals, cost nothing.
 *
 * A file, DATA/capsules/TIME-COMMAND-NUMBER.capsule, is a sequence of canonical values (wire/reply.h): a map that says
 * what failed, then for each question of the plugin two blobs, the message and its answer. Nothing of a secret argument
 * is in it: a command that takes one is not run again, its capsule has masked arguments and no questions. */
#ifndef MUSTER_PLUGIN_CAPSULE_H
#define MUSTER_PLUGIN_CAPSULE_H

#include "plugin/remote.h"

#define CAPSULE_BYTES_MAX (1024 * 1024) /* of a file */
#define CAPSULE_KEPT 100                /* the newest */
#define CAPSULE_A_MINUTE 6              /* made at most; of each fault one */

/* -- making: capsule.c, capsule_record.c -- */

/* Write them into DATA/capsules from now on (made when it is needed); NULL: nowhere. Before any lane starts. */
void capsule_start(const char *data);
/* Is one to be made of the task that failed with `err`? A yes counts. Any thread. */
bool capsule_wanted(const struct remote_task *task, const struct err *err);
/* May what failed be run again? Not with a secret, and not if it brought its process down. */
bool capsule_may_listen(const struct remote_task *task, const struct err *err);
/* Make it: runs the task again if `rt` is not NULL; the caller undoes what that does. The lane's thread. What can't be
 * written is logged. */
void capsule_make(struct runtime *rt, const struct registry *registry, const struct remote_task *task,
                  const struct err *err);

/* capsule_record.c: what a file holds. */
int capsule_record(struct runtime *rt, const struct registry *registry, const struct remote_task *task,
                   const struct err *err, int64_t at_ms, struct buf *out);

/* -- reading: capsule_read.c -- */

struct capsule_exchange {
    struct slice question, answer;
};
struct capsule {
    struct buf bytes; /* of the file; what follows points into it */
    int64_t at_ms, generation, received_ms, now_ms, zone_min, write;
    struct slice command, plugin, version, hash, folder, user, lang, scope, args;
    struct slice task;     /* the message; empty: it can't be played */
    struct slice error;    /* the error reply that the client got */
    struct slice again;    /* that of the second run; empty: it was not run, or did not fail again */
    struct slice trace;    /* or empty */
    struct slice short_of; /* why it can't be played, or not to its end; or empty */
    struct capsule_exchange *exchanges;
    int count;
};
/* 0, ERR_IO, or ERR_ARG when the file is none. */
int capsule_read(const char *path, struct capsule *out, struct err *err);
void capsule_close(struct capsule *c); /* zeroed is fine */
/* Names of the files of DATA/capsules, newest first; a missing folder has none. Caller frees each and `*out`. */
int capsule_list(const char *data, char ***out, int *count, struct err *err);

/* -- playing: capsule_play.c -- */

enum capsule_outcome { CAPSULE_SUCCEEDS, CAPSULE_SAME, CAPSULE_DIFFERS, CAPSULE_ASKS };
struct capsule_played {
    enum capsule_outcome outcome;
    struct buf reply;    /* SUCCEEDS */
    struct err err;      /* otherwise */
    struct buf trace;    /* a fault's */
    struct buf question; /* ASKS: the first message that is not in the capsule */
    int asked;           /* questions before it */
    bool other_files;    /* the plugin's are not those that failed */
};
struct capsule_place {
    const char *folder; /* of the plugin */
    const char *native_dir, *lib_dir;
};
/* Run it with the plugin of a folder, in a process of its own (child.h), which is told what stands in the capsule. 0 with
 * `out` filled, for capsule_played_close; or why it can't be played. Changes the bytes of c->task. */
int capsule_play(struct capsule *c, const struct capsule_place *place, struct capsule_played *out, struct err *err);
void capsule_played_close(struct capsule_played *p);

#endif
