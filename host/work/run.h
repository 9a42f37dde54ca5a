/* A run: consecutive requests of one mode from one connection, handed to a lane and given back with their replies.
 * Owned by exactly one side at a time. A sign-in is a run too: the secret is checked on a reader lane, never on the
 * loop. So is the question whether somebody signed in is still who it was (IDENTITY).
 *
 * A lane gives a run back when all of it is answered, or as much as is one run's share of its time and of the memory
 * for replies. What is left is put again, and so waits behind the others. */
#ifndef MUSTER_WORK_RUN_H
#define MUSTER_WORK_RUN_H

#include "access/identity.h"
#include "base/list.h"
#include "base/mailbox.h"
#include "plugin/registry.h"

enum run_kind { RUN_COMMANDS, RUN_PASSWORD, RUN_CERTIFICATE, RUN_IDENTITY };

struct request {
    const struct command *command; /* of run->registry */
    int first_word, nwords;        /* into run->words: the arguments, without the command */
};

struct run {
    enum run_kind kind;
    enum mode mode;
    struct registry *registry; /* the generation it was parsed with; a reference */
    struct identity *identity; /* COMMANDS, IDENTITY: who asks; a reference */
    char lang[8];              /* of the connection; "" = the user's */
    int64_t received_ms;

    struct request *requests;
    int nrequests, cap_requests;
    int first; /* what is before was answered, and delivered, after an earlier hand-off */
    struct {
        size_t at, len;
    } * words; /* into `bytes` */
    int nwords, cap_words;
    struct buf bytes;

    /* sign-in: user and secret (password or token; a token is `user` "" or its owner) are words 0 and 1; or the
     * certificate */
    char fingerprint[65];

    /* what the lane gives back */
    int done;               /* COMMANDS: the lane has answered what is before */
    struct buf out;         /* COMMANDS: the replies of the requests from `first` to `done`, canonical, in a row */
    struct identity *fresh; /* sign-in: the identity; otherwise a newer one to keep from now on, or NULL */
    bool shut_out;          /* COMMANDS: the user may not even be signed in any more */
    struct err err;         /* otherwise: why it was refused; code 0 when it was not */

    struct mailbox *home; /* where a lane puts it instead of giving it back to the loop, or NULL */
    void *owner;          /* the connection; the lane never looks */
    struct list link;     /* for whoever owns the run */
};

/* Takes references. `identity` NULL for a sign-in. Never NULL. */
struct run *run_new(enum run_kind kind, enum mode mode, struct registry *registry, struct identity *identity);
void run_free(struct run *run); /* drops the references; wipes secrets; NULL is fine */
/* Copy one request's argument words. */
void run_add(struct run *run, const struct command *command, const struct slice *words, int nwords);
struct slice run_word(const struct run *run, int index);

#endif
