#include "access/audit.h"

#include "base/clock.h"
#include "tls/random.h"

#include <endian.h>
#include <string.h>

/* chain(n) = SHA-256( chain(n-1), then each field of row n as 8 bytes of length, big endian, and its bytes ). Integers
 * are fields of 8 bytes, big endian. The first row follows 32 zero bytes. Ids have no holes, so a row taken out of the
 * middle shows even if the two ends still fit. What the chain cannot show is a tail cut off whole: for that, the head
 * that audit.verify tells is to be kept elsewhere. */

enum { FIELDS = 11, VERIFY_STEP = 512 };

/* The parts of a row in the order they are hashed, and the bytes that the parts point to. */
struct parts {
    struct slice parts[1 + 2 * FIELDS];
    int count;
    uint64_t numbers[2 * FIELDS];
    int nnumbers;
};

static void add_bytes(struct parts *p, struct slice s)
{
    uint64_t *len = &p->numbers[p->nnumbers++];
    *len = htobe64((uint64_t)s.len);
    p->parts[p->count++] = (struct slice){(const char *)len, sizeof(*len)};
    p->parts[p->count++] = s;
}

static void add_int(struct parts *p, int64_t i)
{
    uint64_t *number = &p->numbers[p->nnumbers++];
    *number = htobe64((uint64_t)i);
    add_bytes(p, (struct slice){(const char *)number, sizeof(*number)});
}

static void chain_hash(const unsigned char before[AUDIT_HASH_BYTES], const struct audit_row *row,
                       unsigned char out[AUDIT_HASH_BYTES])
{
    struct parts p = {.count = 0};
    p.parts[p.count++] = (struct slice){(const char *)before, AUDIT_HASH_BYTES};
    add_int(&p, row->id);
    add_int(&p, row->received_ms);
    add_int(&p, row->at_ms);
    add_bytes(&p, row->user);
    add_bytes(&p, row->fingerprint);
    add_bytes(&p, row->command);
    add_bytes(&p, row->args);
    add_int(&p, row->generation);
    add_int(&p, row->duration_us);
    add_bytes(&p, (struct slice){(const char *)row->request, AUDIT_REQUEST_BYTES});
    add_bytes(&p, row->outcome);
    sha256(p.parts, p.count, out);
}

/* -- writing -- */

static int read_head(struct store *s, struct audit_head *head, struct err *err)
{
    struct cursor *c = NULL;
    int rv =
        store_query(s, NULL, SLICE("SELECT id, chain FROM muster_audit ORDER BY id DESC LIMIT 1"), NULL, 0, &c, err);
    if (rv)
        return rv;
    *head = (struct audit_head){.known = true};
    rv = cursor_step(c, err);
    if (rv == 1) {
        struct value id, chain;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &chain);
        head->id = id.i;
        if (chain.s.len == AUDIT_HASH_BYTES)
            memcpy(head->chain, chain.s.data, AUDIT_HASH_BYTES);
        rv = 0;
    }
    cursor_close(c);
    head->known = rv == 0;
    return rv;
}

static struct value blob(const void *data, size_t len)
{
    return (struct value){.type = VALUE_BLOB, .s = {data, len}};
}

int audit_append(struct store *s, struct audit_head *head, struct audit_row *row, struct err *err)
{
    if (!head->known) {
        int rv = read_head(s, head, err);
        if (rv)
            return rv;
    }
    row->id = head->id + 1;
    unsigned char chain[AUDIT_HASH_BYTES];
    chain_hash(head->chain, row, chain);
    struct value args[] = {
        value_int(row->id),
        value_int(row->received_ms),
        value_int(row->at_ms),
        value_text(row->user),
        row->fingerprint.len ? value_text(row->fingerprint) : value_null(),
        value_text(row->command),
        value_text(row->args),
        value_int(row->generation),
        value_int(row->duration_us),
        blob(row->request, AUDIT_REQUEST_BYTES),
        value_text(row->outcome),
        blob(chain, AUDIT_HASH_BYTES),
    };
    int rv = store_run(s,
                       "INSERT INTO muster_audit(id, received_at, at, user, fingerprint, command, args, generation,"
                       " duration_us, request, outcome, chain) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       args, sizeof(args) / sizeof(args[0]), err);
    if (rv)
        return rv;
    head->id = row->id;
    memcpy(head->chain, chain, AUDIT_HASH_BYTES);
    return 0;
}

int audit_has(struct store *s, int64_t id, const unsigned char request[AUDIT_REQUEST_BYTES], struct err *err)
{
    struct value args[] = {value_int(id), blob(request, AUDIT_REQUEST_BYTES)}, found;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT 1 FROM muster_audit WHERE id = ? AND request = ?"), args, 2, &found,
                         &keep, err);
    buf_close(&keep);
    return rv;
}

/* -- proving -- */

static struct slice text_at(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_TEXT || v.type == VALUE_BLOB ? v.s : (struct slice){NULL, 0};
}

static int64_t int_at(struct cursor *c, int column)
{
    struct value v;
    cursor_value(c, column, &v);
    return v.type == VALUE_INT ? v.i : 0;
}

/* The row the cursor stands on: its fields and its own hash. False: a column has a wrong length. */
static bool read_row(struct cursor *c, struct audit_row *row, struct slice *chain)
{
    *row = (struct audit_row){
        .id = int_at(c, 0),
        .received_ms = int_at(c, 1),
        .at_ms = int_at(c, 2),
        .user = text_at(c, 3),
        .fingerprint = text_at(c, 4),
        .command = text_at(c, 5),
        .args = text_at(c, 6),
        .generation = int_at(c, 7),
        .duration_us = int_at(c, 8),
        .outcome = text_at(c, 10),
    };
    struct slice request = text_at(c, 9);
    *chain = text_at(c, 11);
    if (request.len != AUDIT_REQUEST_BYTES || chain->len != AUDIT_HASH_BYTES)
        return false;
    memcpy(row->request, request.data, AUDIT_REQUEST_BYTES);
    return true;
}

/* Check one row against the hash before; on success `chain` becomes its own. */
static const char *prove(struct cursor *c, int64_t expected_id, unsigned char chain[AUDIT_HASH_BYTES])
{
    struct audit_row row;
    struct slice own;
    if (!read_row(c, &row, &own))
        return "a hash in it has the wrong length";
    if (row.id != expected_id)
        return "the row is missing";
    unsigned char made[AUDIT_HASH_BYTES];
    chain_hash(chain, &row, made);
    if (memcmp(made, own.data, AUDIT_HASH_BYTES) != 0)
        return "its hash does not follow from the row before and its own fields";
    memcpy(chain, made, AUDIT_HASH_BYTES);
    return NULL;
}

/* At most VERIFY_STEP rows after check->last. Returns how many were seen, or an error. */
static int verify_step(struct store *s, struct audit_check *check, unsigned char chain[AUDIT_HASH_BYTES], int64_t rows,
                       struct err *err)
{
    struct value args[] = {value_int(check->last), value_int(rows)};
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT id, received_at, at, user, fingerprint, command, args, generation, duration_us,"
                               " request, outcome, chain FROM muster_audit WHERE id > ? ORDER BY id LIMIT ?"),
                         args, 2, &c, err);
    if (rv)
        return rv;
    int seen = 0;
    while ((rv = cursor_step(c, err)) == 1) {
        seen++;
        check->reason = prove(c, check->last + 1, chain);
        if (check->reason) {
            check->broken = check->last + 1;
            rv = 0;
            break;
        }
        check->last++;
        check->rows++;
    }
    cursor_close(c);
    return rv < 0 ? rv : seen;
}

static int chain_before(struct store *s, int64_t id, unsigned char chain[AUDIT_HASH_BYTES], struct err *err)
{
    memset(chain, 0, AUDIT_HASH_BYTES);
    if (id == 0)
        return 0;
    struct value arg = value_int(id), found;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT chain FROM muster_audit WHERE id = ?"), &arg, 1, &found, &keep, err);
    if (rv == 1 && found.s.len == AUDIT_HASH_BYTES)
        memcpy(chain, found.s.data, AUDIT_HASH_BYTES);
    else if (rv >= 0)
        rv =
            err_rule(err, ERR_NOTFOUND, "audit.row", "from", "there is no audit row %lld to go on from", (long long)id);
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

int audit_verify(struct store *s, struct audit_check *check, struct err *err)
{
    unsigned char chain[AUDIT_HASH_BYTES];
    check->last = check->from > 0 ? check->from - 1 : 0;
    check->rows = check->broken = 0;
    check->complete = false;
    check->reason = NULL;
    int rv = chain_before(s, check->last, chain, err);
    while (rv == 0 && !check->broken) {
        int64_t rows = check->max_rows ? check->max_rows - check->rows : VERIFY_STEP;
        if (rows <= 0 || (check->until_ns && clock_mono_ns() >= check->until_ns))
            break;
        rows = rows < VERIFY_STEP ? rows : VERIFY_STEP;
        int seen = verify_step(s, check, chain, rows, err);
        if (seen < 0)
            rv = seen;
        else if (seen < rows && !check->broken) {
            check->complete = true;
            break;
        }
    }
    hex_encode(chain, AUDIT_HASH_BYTES, check->head);
    return rv;
}

/* -- reading -- */

static void write_row(struct cursor *c, struct reply *reply)
{
    reply_map_open(reply);
    reply_key_int(reply, "id", int_at(c, 0));
    reply_key_int(reply, "received_at", int_at(c, 1));
    reply_key_int(reply, "at", int_at(c, 2));
    reply_key(reply, "user");
    reply_text(reply, text_at(c, 3));
    reply_key(reply, "fingerprint");
    struct slice fingerprint = text_at(c, 4);
    if (fingerprint.data)
        reply_text(reply, fingerprint);
    else
        reply_null(reply);
    reply_key(reply, "command");
    reply_text(reply, text_at(c, 5));
    reply_key(reply, "args");
    reply_text(reply, text_at(c, 6));
    reply_key_int(reply, "generation", int_at(c, 7));
    reply_key_int(reply, "duration_us", int_at(c, 8));
    reply_key(reply, "outcome");
    reply_text(reply, text_at(c, 9));
    reply_close(reply);
}

int audit_tail(struct store *s, int limit, struct reply *reply, struct err *err)
{
    struct value arg = value_int(limit);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL,
                         SLICE("SELECT id, received_at, at, user, fingerprint, command, args, generation, duration_us,"
                               " outcome FROM muster_audit ORDER BY id DESC LIMIT ?"),
                         &arg, 1, &c, err);
    if (rv)
        return rv;
    reply_array_open(reply);
    while ((rv = cursor_step(c, err)) == 1)
        write_row(c, reply);
    reply_close(reply);
    cursor_close(c);
    return rv;
}
