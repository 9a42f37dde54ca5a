/* The audit chain: one row per accepted write, each holding the hash of the row before. */
#ifndef MUSTER_ACCESS_AUDIT_H
#define MUSTER_ACCESS_AUDIT_H

#include "store/store.h"
#include "wire/reply.h"

#define AUDIT_HASH_BYTES 32
#define AUDIT_REQUEST_BYTES 16

struct audit_row {
    int64_t id;          /* set by audit_append */
    int64_t received_ms; /* true time of receipt */
    int64_t at_ms;       /* business time */
    struct slice user;
    struct slice fingerprint; /* or empty */
    struct slice command;
    struct slice args; /* JSON text, secrets redacted */
    int64_t generation;
    int64_t duration_us;
    unsigned char request[AUDIT_REQUEST_BYTES]; /* unique: tells after an unknown commit whether this row is there */
    struct slice outcome;
};

/* The end of the chain, as the writer knows it. Zeroed: not known, read at the next append. */
struct audit_head {
    bool known;
    int64_t id;
    unsigned char chain[AUDIT_HASH_BYTES];
};

/* Write the row after `head`, which then stands at the new row. Whoever rolls the row back puts the old head back
 * (it is a plain value). Inside a command. */
int audit_append(struct store *s, struct audit_head *head, struct audit_row *row, struct err *err);
/* Is the row `id` there, with this request? 1, 0, or an error. Inside a transaction. */
int audit_has(struct store *s, int64_t id, const unsigned char request[AUDIT_REQUEST_BYTES], struct err *err);

struct audit_check {
    int64_t from;      /* first row to check; 0: 1 */
    int64_t max_rows;  /* stop after so many; 0: no limit */
    uint64_t until_ns; /* stop at this clock_mono_ns; 0: no limit */
    /* result */
    int64_t rows, last;                  /* rows checked and found good; id of the last of them */
    bool complete;                       /* the end of the chain was reached */
    int64_t broken;                      /* id of the first row that is wrong or missing; 0: none */
    const char *reason;                  /* why, or NULL */
    char head[2 * AUDIT_HASH_BYTES + 1]; /* hash of the last good row, hex: written down elsewhere it proves the past */
};
/* Prove the chain row by row, in bounded memory. The row before `from` is trusted. 0 (look at `broken`) or an error.
 * Inside a read. */
int audit_verify(struct store *s, struct audit_check *check, struct err *err);

/* Write the last `limit` rows, newest first, as an array of maps. */
int audit_tail(struct store *s, int limit, struct reply *reply, struct err *err);

#endif
