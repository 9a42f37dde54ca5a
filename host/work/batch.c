#include "work/batch.h"

#include "access/identity.h"
#include "base/clock.h"
#include "base/log.h"
#include "tls/random.h"

#include <stdlib.h>
#include <string.h>

/* Running one command of a batch. Bound, decided and run, its audit row written and its reply kept under its
 * idempotency key, all inside its savepoint: either all of that stands in the transaction, or nothing does and the
 * reply is an error. What becomes of the transaction is the business of settle.c. */

enum { AUDIT_ARGS_BYTES = 4096 };

void batch_init(struct batch *b, struct lane *lane, int max)
{
    *b = (struct batch){.lane = lane, .max = max, .guilty = -1};
    b->items = mem_zalloc((size_t)max * sizeof(*b->items));
    random_bytes(b->origin, sizeof(b->origin));
}

void batch_close(struct batch *b)
{
    free(b->items);
    buf_close(&b->args);
    buf_close(&b->stored);
}

void batch_refuse(struct run *run, int index, const struct err *err)
{
    const struct call call = calls_begin(run, index);
    calls_refuse(&call, err, &run->out);
}

void item_refuse(const struct item *item, const struct err *err)
{
    struct call call = calls_begin(item->run, item->index);
    if (item->lang)
        call.lang = item->lang;
    calls_refuse(&call, err, &item->run->out);
}

/* -- the audit row -- */

/* The same number for the same item, however often it is run: that is how it is found again after an unknown commit. */
static void number_request(struct batch *b, struct item *item)
{
    uint64_t n = ++b->requests;
    memcpy(item->request, b->origin, sizeof(b->origin));
    memcpy(item->request + sizeof(b->origin), &n, sizeof(n));
}

static int write_audit(struct batch *b, struct item *item, const struct call *call, uint64_t started_ns,
                       struct err *err)
{
    struct calls *c = &b->lane->calls;
    const struct command *command = c->command;
    buf_clear(&b->args);
    args_redacted(command, &c->frames[0].bound, AUDIT_ARGS_BYTES, &b->args);
    struct audit_row row = {
        .received_ms = call->received_ms,
        .at_ms = call->now_ms,
        .user = slice_of(call->user),
        .fingerprint = slice_of(c->identity->fingerprint),
        .command = slice_of(command->name),
        .args = buf_view(&b->args),
        .generation = registry_generation(c->registry),
        .duration_us = (int64_t)((clock_mono_ns() - started_ns) / 1000),
        .outcome = SLICE("ok"),
    };
    memcpy(row.request, item->request, sizeof(row.request));
    int rv = audit_append(c->store, &b->head, &row, err);
    item->audit_id = row.id;
    return rv;
}

/* -- one command -- */

static int replay(struct batch *b, struct item *item)
{
    reply_replayed(&item->run->out, buf_view(&b->stored));
    item->state = ITEM_REPLAYED;
    return 0;
}

/* Inside the open savepoint. Returns 0 with the savepoint released, or an error. The audit row comes after the savepoint, see
 * store_command_end; if it cannot be written the batch goes, for no command stands without its row. */
static int run_and_record(struct batch *b, struct item *item, struct call *call, const struct store_request *key,
                          struct err *err)
{
    struct calls *c = &b->lane->calls;
    struct buf *out = &item->run->out;
    size_t reply_at = out->len;
    uint64_t started = clock_mono_ns();
    int rv = calls_run(c, c->command, call, out, err);
    store_limits(c->store, 0, 0, 0);
    if (rv == 0)
        rv = store_command_end(c->store, key, (struct slice){out->data + reply_at, out->len - reply_at}, err);
    if (rv == 0 && (rv = write_audit(b, item, call, started, err)) != 0)
        store_batch_abort(c->store);
    return rv;
}

static int write_command(struct batch *b, struct item *item, struct call *call, struct err *err)
{
    struct calls *c = &b->lane->calls;
    const struct bound *bound = &c->frames[0].bound;
    struct store_request key = {.user_id = c->identity->user_id, .key = bound->idem, .at_ms = call->received_ms};
    if (key.key.len)
        args_hash(c->command, bound, key.hash);
    buf_clear(&b->stored);
    int rv = store_command_begin(c->store, &key, &b->stored, err);
    if (rv == STORE_DONE)
        return replay(b, item);
    if (rv == STORE_CONFLICT)
        return err_rule(err, ERR_DUP, "idem.conflict", "idem",
                        "this key was used for another request; the same key is for sending the same request again");
    if (rv != STORE_NEW)
        return rv;
    const struct audit_head head = b->head;
    const bool access_changed = c->access_changed, switching = c->switching;
    rv = run_and_record(b, item, call, &key, err);
    if (rv == 0) {
        item->state = ITEM_ACCEPTED;
        return 0;
    }
    b->head = head;
    c->access_changed = access_changed;
    c->switching = switching;
    store_command_abort(c->store);
    calls_look_at(c, call, err);
    return rv;
}

/* What the guilty is told: why its command failed, or that it ended the transaction behind everybody's back. */
static void accuse(struct batch *b, const struct item *item, struct err *err)
{
    const char *name = item->run->requests[item->index].command->name;
    bool own = err->code == ERR_TIMEOUT || err->code == ERR_LIMIT || err->code == ERR_IO || err->code == ERR_BUSY;
    if (!own)
        err_rule(err, ERR_POLICY, "sql.batch", NULL,
                 "%s ended the transaction that it shares with others, as INSERT OR ROLLBACK does; it alone was undone",
                 name);
    log_warn("work", "%s of %s destroyed its batch: %s", name, item->run->identity->name, err->text);
    b->lost = true;
    b->guilty_err = *err;
}

/* Run the item; its reply, whatever it is, stands in its run's `out` afterwards. False: the transaction is gone. */
bool item_run(struct batch *b, struct item *item)
{
    struct run *run = item->run;
    struct calls *c = &b->lane->calls;
    struct err err = {0};
    struct call call = calls_begin(run, item->index);
    const struct identity *id = NULL;
    item->out_at = run->out.len;
    item->state = ITEM_REFUSED;
    int rv = calls_identity(c, run, &id, &err);
    if (rv == 0)
        rv = calls_prepare(c, run, item->index, id, &call, &err);
    item->lang = id ? call.lang : NULL;
    if (rv == 0)
        rv = write_command(b, item, &call, &err);
    bool alive = store_batch_alive(c->store);
    if (!alive) {
        item->state = ITEM_REFUSED;
        accuse(b, item, &err);
        rv = err.code;
    }
    if (rv) {
        buf_truncate(&run->out, item->out_at);
        calls_refuse(&call, &err, &run->out);
    }
    return alive;
}

bool batch_add(struct batch *b, struct run *run, int index)
{
    struct item *item = &b->items[b->count++];
    *item = (struct item){.run = run, .index = index};
    number_request(b, item);
    bool alive = item_run(b, item);
    if (!alive)
        b->guilty = b->count - 1;
    return alive;
}
