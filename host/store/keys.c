/* The index of idempotency keys. */
#include "store/keys.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/driver.h"
#include "tls/random.h"

/* Keys come in random order. An ordinary index over them has a page to change for nearly every write: measured, 25 of the 34 µs of a
 * keyed write in a batch of 30. So rows of muster_done are only appended, and their keys are remembered here:
 *
 *   new keys ─► young ─(a generation is full)─► old, sorted ─(a few with each batch, in that order)─► muster_done_key
 *
 * In sorted order neighbours share a page, so a generation of 16384 keys changes each page of the index once, not once per key.
 * muster_done_mark says up to which row all keys stand in muster_done_key. After a start, or a batch that was rolled back, the rows
 * behind that mark are read again; keys that were put in already are met again and left alone. */

#define GENERATION 16384
#define FILTER_BITS (1 << 23) /* 1 MiB: 2 % of new keys are looked up in vain at 160,000 kept ones, 11 % at a million */
#define MAX_CHAIN 16          /* keys of one number; two would be a wonder */

struct slot {
    int64_t number, id; /* id 0: empty */
};

struct list_of_keys {
    struct slot *items;
    int count, cap;
};

struct keys {
    bool loaded;
    bool filtered; /* the filter knows what stood in muster_done_key at the start */
    int generation;
    int added; /* since the last settle */
    int64_t last_id, old_to;
    int64_t asked; /* the number last searched for */
    struct list_of_keys young, old;
    int settled;        /* of old */
    uint64_t *filter;   /* FILTER_BITS; a bit that is not set: no such number stands in muster_done_key */
    struct slot *slots; /* a hash table over both lists, linear probing */
    int nslots, used;
};

struct keys *keys_new(int generation)
{
    struct keys *k = mem_zalloc(sizeof(*k));
    k->generation = generation > 0 ? generation : GENERATION;
    k->filter = mem_zalloc(FILTER_BITS / 8);
    return k;
}

void keys_free(struct keys *k)
{
    if (k) {
        free(k->young.items);
        free(k->old.items);
        free(k->slots);
        free(k->filter);
        free(k);
    }
}

int64_t keys_number(int64_t user_id, struct slice key)
{
    unsigned char hash[SHA256_BYTES];
    uint64_t number = 0;
    const uint64_t user = htole64((uint64_t)user_id); /* the number is kept: the same on every machine */
    const struct slice parts[] = {{(const char *)&user, sizeof(user)}, key};
    sha256(parts, 2, hash);
    for (int i = 0; i < 8; i++) {
        number = number << 8 | hash[i];
    }
    return (int64_t)(number >> 2);
}

/* Most keys are new, and most lookups in the database would find nothing: a Bloom filter (B. H. Bloom, 1970) with one bit for each
 * number, itself a hash, spares them. Bits are only ever set: one too many costs a lookup. */
static void filter_add(struct keys *k, int64_t number)
{
    k->filter[(number & (FILTER_BITS - 1)) / 64] |= 1ull << (number & 63);
}

static bool filter_has(const struct keys *k, int64_t number)
{
    return k->filter[(number & (FILTER_BITS - 1)) / 64] >> (number & 63) & 1;
}

/* -- what is remembered -- */

static void put_slot(struct keys *k, struct slot item)
{
    int i = (int)(item.number & (k->nslots - 1));
    while (k->slots[i].id) {
        i = (i + 1) & (k->nslots - 1);
    }
    k->slots[i] = item;
    k->used++;
}

/* Make the hash table anew from both lists, with at least as much room free as used. */
static void rebuild(struct keys *k)
{
    int want = 64;
    while (want < 4 * (k->young.count + k->old.count)) {
        want *= 2;
    }
    free(k->slots);
    k->slots = mem_zalloc((size_t)want * sizeof(*k->slots));
    k->nslots = want;
    k->used = 0;
    for (int i = 0; i < k->young.count; i++) {
        put_slot(k, k->young.items[i]);
    }
    for (int i = 0; i < k->old.count; i++) {
        put_slot(k, k->old.items[i]);
    }
}

static void push(struct list_of_keys *list, struct slot item)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 256;
        list->items = mem_realloc(list->items, (size_t)list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = item;
}

static void remember(struct keys *k, struct slot item)
{
    push(&k->young, item);
    if (2 * (k->used + 1) > k->nslots) {
        rebuild(k);
    } else {
        put_slot(k, item);
    }
}

void keys_forget(struct store *s)
{
    if (s->keys) {
        s->keys->loaded = false;
    }
}

static int load_rows(struct store *s, struct keys *k, int64_t keyed_to, struct err *err)
{
    static const struct slice sql = SLICE("SELECT id, user_id, idem FROM muster_done WHERE id > ? ORDER BY id");
    const struct value arg = value_int(keyed_to);
    struct cursor *c = NULL;
    int rv = store_query(s, NULL, sql, &arg, 1, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value id, user, idem;
        cursor_value(c, 0, &id);
        cursor_value(c, 1, &user);
        cursor_value(c, 2, &idem);
        remember(k, (struct slot){keys_number(user.i, idem.s), id.i});
        k->last_id = id.i;
        rv = 0;
    }
    cursor_close(c);
    return rv;
}

static int load_filter(struct store *s, struct keys *k, struct err *err)
{
    struct cursor *c = NULL;
    int rv = store_query(s, NULL, SLICE("SELECT number FROM muster_done_key"), NULL, 0, &c, err);
    while (rv == 0 && (rv = cursor_step(c, err)) == 1) {
        struct value number;
        cursor_value(c, 0, &number);
        filter_add(k, number.i);
        rv = 0;
    }
    cursor_close(c);
    k->filtered = rv == 0;
    return rv;
}

static int load(struct store *s, struct keys *k, struct err *err)
{
    struct value keyed_to;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT keyed_to FROM muster_done_mark WHERE id = 1"), NULL, 0, &keyed_to,
                         &keep, err);
    buf_close(&keep);
    if (rv < 0) {
        return rv;
    }
    k->young.count = k->old.count = k->settled = k->added = 0;
    k->last_id = keyed_to.i;
    rebuild(k);
    rv = load_rows(s, k, keyed_to.i, err);
    rv = rv == 0 && !k->filtered ? load_filter(s, k, err) : rv;
    k->loaded = rv == 0;
    return rv;
}

/* -- looking up -- */

/* The row that muster_done_key names under `number`: 1, 0 when there is none, or an error. */
static int keyed(struct store *s, int64_t number, int64_t *id, struct err *err)
{
    const struct value arg = value_int(number);
    struct value found;
    struct buf keep = {0};
    int rv = store_value(s, NULL, SLICE("SELECT done_id FROM muster_done_key WHERE number = ?"), &arg, 1, &found, &keep,
                         err);
    buf_close(&keep);
    *id = rv == 1 ? found.i : 0;
    return rv;
}

int keys_search(struct store *s, int64_t number, int (*look)(void *arg, int64_t id, struct err *err), void *arg,
                struct err *err)
{
    struct keys *k = s->keys;
    int rv = k->loaded ? 0 : load(s, k, err);
    k->asked = number;
    for (int i = (int)(number & (k->nslots - 1)); rv == 0 && k->slots[i].id; i = (i + 1) & (k->nslots - 1)) {
        if (k->slots[i].number == number) {
            rv = look(arg, k->slots[i].id, err);
        }
    }
    for (int i = 0; rv == 0 && i < MAX_CHAIN && filter_has(k, number + i); i++) {
        int64_t id;
        rv = keyed(s, number + i, &id, err);
        if (rv <= 0) {
            return rv;
        }
        rv = look(arg, id, err);
    }
    return rv;
}

int64_t keys_next_id(struct store *s)
{
    return s->keys->last_id + 1;
}

void keys_add(struct store *s, int64_t id)
{
    struct keys *k = s->keys;
    k->last_id = id;
    k->added++;
    remember(k, (struct slot){k->asked, id});
}

int keys_remove(struct store *s, int64_t number, int64_t id, struct err *err)
{
    for (int i = 0; i < MAX_CHAIN; i++) {
        int64_t found;
        int rv = keyed(s, number + i, &found, err);
        if (rv <= 0) {
            return rv;
        }
        if (found == id) {
            const struct value arg = value_int(number + i);
            return store_run(s, "DELETE FROM muster_done_key WHERE number = ?", &arg, 1, err);
        }
    }
    return 0;
}

/* -- into the database -- */

static int by_number(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Insert one key under its number, or under the next one that is free. */
static int settle_one(struct store *s, const struct slot *item, struct err *err)
{
    static const struct slice sql =
        SLICE("INSERT INTO muster_done_key(number, done_id) VALUES(?, ?) ON CONFLICT(number) DO NOTHING");
    for (int i = 0; i < MAX_CHAIN; i++) {
        const struct value args[] = {value_int(item->number + i), value_int(item->id)};
        int64_t changes = 0, there = 0;
        int rv = store_exec(s, NULL, sql, args, 2, &changes, err);
        if (rv < 0) {
            return rv;
        }
        if (changes > 0) {
            filter_add(s->keys, item->number + i);
            return 0;
        }
        rv = keyed(s, item->number + i, &there, err);
        if (rv < 0 || there == item->id) {
            return rv < 0 ? rv : 0;
        }
    }
    return err_set(err, ERR_INTERNAL, "%d idempotency keys have one number", MAX_CHAIN);
}

/* All of the old generation is in: move the mark, and remember the young one only. */
static int finish_old(struct store *s, struct keys *k, struct err *err)
{
    const struct value arg = value_int(k->old_to);
    int rv = store_run(s, "UPDATE muster_done_mark SET keyed_to = ? WHERE id = 1", &arg, 1, err);
    if (rv == 0) {
        k->old.count = k->settled = 0;
        rebuild(k);
    }
    return rv;
}

int keys_settle(struct store *s, struct err *err)
{
    struct keys *k = s->keys;
    if (!k || !k->loaded || k->added == 0) {
        return 0;
    }
    /* Two for each new one: the old generation is in before the young one is full. */
    int few = 2 * k->added, rv = 0;
    k->added = 0;
    if (k->old.count == 0 && k->young.count >= k->generation) {
        const struct list_of_keys empty = k->old;
        k->old = k->young;
        k->young = empty;
        k->old_to = k->last_id;
        qsort(k->old.items, (size_t)k->old.count, sizeof(*k->old.items), by_number);
    }
    if (k->old.count == 0) {
        return 0;
    }
    for (; rv == 0 && few > 0 && k->settled < k->old.count; few--) {
        rv = settle_one(s, &k->old.items[k->settled++], err);
    }
    return rv == 0 && k->settled == k->old.count ? finish_old(s, k, err) : rv;
}
