#include "work/batch.h"

#include "access/identity.h"
#include "base/log.h"

#include <string.h>

/* What becomes of a batch. Replies may leave only when they are true, so nothing below gives a run back; the writer
 * does, after batch_settle.
 *
 *   commit ── OK ──────► the replies are true
 *          ├─ RETRY ───► nothing happened: run every command again, in the same order, and commit again
 *          ├─ UNKNOWN ─► look for the audit row of an accepted command: there → OK, not there → as RETRY
 *          ├─ FENCED ──► another writer has the database: everybody is told BUSY, and the server must stop
 *          ├─ error ───► nothing was kept: everybody is told so
 *          └─ LOST ────► one command destroyed the transaction: see below
 *
 * One look is enough for the whole batch: its commands stand or fall together, in one transaction.
 *
 * A lost batch. Which command did it is known, because the transaction is looked at after each. Those before it run
 * again, one per transaction, in order; the guilty one gets its error without another try; those after it are run one
 * per transaction too. If one of them destroys its own transaction, it loses only itself. So each command runs at most
 * twice, and the work stays linear even if all are guilty.
 *
 * Running again is sound: a command has no effect outside the database, and sees the same time and request id.
 *
 * A switch of generation is asked for by the last command of a batch (call_switch); calls.switching says so until the
 * batch is undone or kept. Whatever runs that command again asks again. Only OK takes the generation over. */

enum { TRIES = 5 };

static void settle(struct batch *b, int from, int count);

static int fenced(struct batch *b, struct err *err)
{
    b->fenced = true;
    if (b->unsure)
        return err_rule(err, ERR_BUSY, "generation.unknown", NULL,
                        "it is not known whether a change of plugins was kept; nothing is done until the server was "
                        "started again");
    return err_rule(err, ERR_BUSY, "store.fenced", NULL,
                    "another server has taken the database over; nothing was kept, ask the other one");
}

/* Open a transaction with nothing lost and nobody guilty yet. */
static int begin(struct batch *b, struct err *err)
{
    b->guilty = -1;
    b->lost = false;
    if (b->fenced)
        return fenced(b, err);
    generation_take_offer(b->lane);
    b->lane->calls.version = access_version();
    int rv = store_batch_begin(b->lane->calls.store, err);
    return rv > 0 ? fenced(b, err) : rv;
}

int batch_begin(struct batch *b, struct err *err)
{
    b->count = 0;
    return begin(b, err);
}

/* -- undoing in memory what the database has undone -- */

/* Cut the replies of these items off, and forget identities that were read inside the transaction. */
static void rewind_items(struct batch *b, int from, int count)
{
    for (int i = from + count - 1; i >= from; i--) {
        struct run *run = b->items[i].run;
        /* An item that a lost pass did not come to still has an older mark. */
        if (b->items[i].out_at < run->out.len)
            buf_truncate(&run->out, b->items[i].out_at);
        identity_unref(run->fresh);
        run->fresh = NULL;
        run->shut_out = false;
    }
    b->head.known = false;
    b->lane->calls.access_changed = false;
    b->lane->calls.switching = false;
}

static void refuse_all(struct batch *b, int from, int count, const struct err *err)
{
    store_batch_abort(b->lane->calls.store);
    rewind_items(b, from, count);
    for (int i = from; i < from + count; i++) {
        struct item *item = &b->items[i];
        item->out_at = item->run->out.len;
        item->state = ITEM_REFUSED;
        item_refuse(item, err);
    }
}

/* Run the items again in a new transaction. False: it could not begin, and they were refused. */
static bool run_again(struct batch *b, int from, int count)
{
    struct err err = {0};
    rewind_items(b, from, count);
    int rv = begin(b, &err);
    if (rv) {
        refuse_all(b, from, count, &err);
        return false;
    }
    for (int i = from; i < from + count; i++) {
        if (!item_run(b, &b->items[i])) {
            b->guilty = i;
            break;
        }
    }
    count_more(&b->lane->counters.replays_after_loss, count);
    return true;
}

/* -- the outcomes -- */

static void keep(struct batch *b, int from, int count)
{
    struct lane_counters *n = &b->lane->counters;
    int64_t accepted = 0, replayed = 0;
    for (int i = from; i < from + count; i++) {
        accepted += b->items[i].state == ITEM_ACCEPTED;
        replayed += b->items[i].state == ITEM_REPLAYED;
    }
    count_more(&n->commands, accepted);
    count_more(&n->replayed, replayed);
    /* Before the replies leave: whoever has seen one must find its effect on rights everywhere. */
    if (b->lane->calls.access_changed)
        access_changed();
    b->lane->calls.access_changed = false;
}

/* The transaction is gone, and the items with it. */
static void settle_lost(struct batch *b, int from, int count)
{
    const int guilty = b->guilty;
    const struct err err = b->guilty_err;
    if (guilty < 0 && count == 1) {
        struct err nobody = {0};
        err_rule(&nobody, ERR_POLICY, "sql.batch", NULL, "the transaction was lost before it could be committed");
        refuse_all(b, from, count, &nobody);
        return;
    }
    store_batch_abort(b->lane->calls.store);
    rewind_items(b, from, count);
    for (int i = from; i < from + count; i++) {
        struct item *item = &b->items[i];
        item->out_at = item->run->out.len;
        if (i == guilty)
            item_refuse(item, &err);
        else if (run_again(b, i, 1))
            settle(b, i, 1);
    }
}

/* After UNKNOWN: STORE_OK or STORE_RETRY, or a negative code when it cannot be found out. */
static int find_out(struct batch *b, int from, int count, struct err *err)
{
    const struct item *witness = NULL;
    for (int i = from; i < from + count && !witness; i++)
        witness = b->items[i].state == ITEM_ACCEPTED ? &b->items[i] : NULL;
    if (!witness)
        return STORE_OK; /* nothing was written */
    struct store *s = b->lane->calls.store;
    int rv = store_batch_begin(s, err);
    if (rv == STORE_OK) {
        rv = audit_has(s, witness->audit_id, witness->request, err);
        store_batch_abort(s);
        if (rv >= 0)
            return rv == 1 ? STORE_OK : STORE_RETRY;
    }
    b->fenced = b->fenced || rv == STORE_FENCED;
    access_changed(); /* for if it was kept, what it took away is gone */
    log_error("work", "the outcome of a commit is unknown and cannot be found out: %s", err->text);
    return err_rule(err, ERR_UNKNOWN, "store.unknown", NULL,
                    "it is not known whether this was kept; send it again with the same idem");
}

static int commit(struct batch *b, int from, int count, struct err *err)
{
    if (b->lost)
        return STORE_LOST;
    int rv = store_batch_commit(b->lane->calls.store, err);
    if (rv != STORE_UNKNOWN)
        return rv;
    log_warn("work", "the outcome of a commit is unknown; looking for it");
    return find_out(b, from, count, err);
}

/* Commit, and go over to the offered generation if the batch asks for it. */
static int commit_and_switch(struct batch *b, int from, int count, struct err *err)
{
    if (!b->lane->calls.switching)
        return commit(b, from, count, err);
    generation_commit_begin(b->lane);
    int rv = commit(b, from, count, err);
    b->unsure = rv == ERR_UNKNOWN;
    b->fenced = b->fenced || b->unsure;
    /* Left as it is, readers refuse: they cannot know which code fits. */
    if (!b->unsure)
        generation_commit_end(b->lane, rv == STORE_OK);
    return rv;
}

static void settle(struct batch *b, int from, int count)
{
    struct err err = {0};
    for (int tries = 0; tries < TRIES; tries++) {
        int rv = commit_and_switch(b, from, count, &err);
        switch (rv) {
        case STORE_OK:
            keep(b, from, count);
            return;
        case STORE_LOST:
            settle_lost(b, from, count);
            return;
        case STORE_RETRY:
            break;
        case STORE_FENCED:
            fenced(b, &err);
            refuse_all(b, from, count, &err);
            return;
        default:
            log_error("work", "a batch of %d was not committed: %s", count, err.text);
            refuse_all(b, from, count, &err);
            return;
        }
        if (!run_again(b, from, count))
            return;
    }
    err_rule(&err, ERR_BUSY, "store.retry", NULL, "the database asked %d times to try again; nothing was kept", TRIES);
    refuse_all(b, from, count, &err);
}

static void count_refused(struct batch *b)
{
    int64_t refused = 0;
    for (int i = 0; i < b->count; i++)
        refused += b->items[i].state == ITEM_REFUSED;
    count_more(&b->lane->counters.refused, refused);
    count_more(&b->lane->counters.batches, 1);
}

void batch_settle(struct batch *b)
{
    settle(b, 0, b->count);
    count_refused(b);
    b->count = 0;
}
