/* A batch: many commands in one transaction, each in its own savepoint, and what becomes of them. */
#ifndef MUSTER_WORK_BATCH_H
#define MUSTER_WORK_BATCH_H

#include "work/lane.h"

/* One command of the batch. */
struct item {
    struct run *run;
    int index;        /* of the request in its run */
    size_t out_at;    /* where its reply begins in run->out */
    const char *lang; /* static: of a refusal, asked for or the user's; NULL before it ran */
    enum { ITEM_REFUSED, ITEM_REPLAYED, ITEM_ACCEPTED } state;
    int64_t audit_id; /* ACCEPTED: its row of the audit chain */
    unsigned char request[AUDIT_REQUEST_BYTES];
};

struct batch {
    struct lane *lane;
    struct item *items;
    int count, max;
    struct audit_head head; /* end of the audit chain, as far as this transaction is committed or goes on */
    int guilty;             /* the item that destroyed the transaction, or -1 */
    struct err guilty_err;
    bool lost;
    bool fenced; /* another writer has the database: nothing more is tried */
    bool unsure; /* fenced, because only a new start finds out which generation the database is of */
    unsigned char origin[AUDIT_REQUEST_BYTES / 2]; /* random, of this process */
    uint64_t requests;                             /* how many request ids were given */
    struct buf args, stored;
};

void batch_init(struct batch *b, struct lane *lane, int max);
void batch_close(struct batch *b);

/* Begin the transaction. 0; or an error: then the batch can hold nothing, and every item added is refused with it. */
int batch_begin(struct batch *b, struct err *err);
/* Run one request and append its reply to its run. False: the transaction is gone, settle the batch. */
bool batch_add(struct batch *b, struct run *run, int index);
/* For settle.c: run the item, its reply stands in its run's `out` afterwards whatever it is. False: the transaction
 * is gone. */
bool item_run(struct batch *b, struct item *item);
/* For settle.c: answer the item with an error, in the language it asked for. */
void item_refuse(const struct item *item, const struct err *err);
/* Commit, or do whatever must be done instead: when it returns every item's reply is true, and the batch is empty. */
void batch_settle(struct batch *b);
/* Answer one request with an error without running it. */
void batch_refuse(struct run *run, int index, const struct err *err);

#endif
