/* Which row of muster_done holds an idempotency key: an index that follows behind the writes. Only files of store/ include this. */
#ifndef MUSTER_STORE_KEYS_H
#define MUSTER_STORE_KEYS_H

#include "store/store.h"

struct keys;

/* `generation`: keys remembered before they are put into the database; 0: 16384. */
struct keys *keys_new(int generation);
void keys_free(struct keys *k); /* NULL is fine */

/* The number a user's key is indexed under: the first 62 bits of SHA-256 of user and key. Two keys may share one. */
int64_t keys_number(int64_t user_id, struct slice key);

/* Call `look` with the id of each row that may hold a key of this number, until it returns other than 0; its last answer, or an error.
 * A row may be gone, or hold another key: `look` must see for itself. */
int keys_search(struct store *s, int64_t number, int (*look)(void *arg, int64_t id, struct err *err), void *arg,
                struct err *err);
/* The id for the next row of muster_done. After keys_search. */
int64_t keys_next_id(struct store *s);
/* The row `id` was inserted: it holds the key last searched for. */
void keys_add(struct store *s, int64_t id);
/* The row `id` was deleted. 0 or an error. */
int keys_remove(struct store *s, int64_t number, int64_t id, struct err *err);

/* Put some more of the remembered keys into the database; the last thing a batch does before it commits. 0 or an error. */
int keys_settle(struct store *s, struct err *err);
/* A batch did not commit for certain: what is remembered is read anew at the next use. */
void keys_forget(struct store *s);

#endif
