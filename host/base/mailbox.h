/* Bounded queue of pointers: many producers, one consumer. The only place, with log, that locks. */
#ifndef MUSTER_BASE_MAILBOX_H
#define MUSTER_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;

/* `wake` (may be NULL) runs on the producer's thread, outside the lock, when an item was put into an empty mailbox:
 * it is how an event loop that must not block on the mailbox learns of it. Never returns NULL. */
struct mailbox *mailbox_new(size_t capacity, void (*wake)(void *arg), void *arg);
void mailbox_free(struct mailbox *m); /* must be empty, or its items are lost; NULL is fine */

/* Hand `item` over. 0, ERR_BUSY when full, ERR_STATE once closed (the caller keeps the item then). Any thread.
 * Signals the consumer only when it sleeps. */
int mailbox_put(struct mailbox *m, void *item);
/* As mailbox_put for `count` items in order, all or none, with one wake-up for all of them. */
int mailbox_put_many(struct mailbox *m, void *const *items, int count);
/* Take up to `max` items, waiting at most `timeout_ms` for the first (0: do not wait, -1: for ever).
 * Consumer's thread only. Returns how many (0: timed out), or ERR_STATE once closed and empty. */
int mailbox_take(struct mailbox *m, void **out, int max, int timeout_ms);
/* Refuse new items and wake the consumer; what is inside can still be taken. Any thread. */
void mailbox_close(struct mailbox *m);
size_t mailbox_len(struct mailbox *m); /* approximate: for metrics and for choosing the shortest */

#endif
