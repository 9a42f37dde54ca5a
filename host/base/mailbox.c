#include "base/mailbox.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* A ring under one mutex. A producer holds it for a few stores; the consumer takes many items in one hold. The
 * condition is signalled only when the consumer has said that it sleeps, which spares the producers a system call
 * under load. The last thing a producer does with the mailbox is to unlock it: `wake` is called with copies, so a
 * consumer may free the mailbox as soon as it has taken everything and knows that no producer will come again. */

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    void (*wake)(void *arg);
    void *arg;
    size_t capacity, head;
    _Atomic size_t count; /* changed under the lock, read without it by mailbox_len */
    bool sleeping, closed;
    void *items[];
};

struct mailbox *mailbox_new(size_t capacity, void (*wake)(void *arg), void *arg)
{
    struct mailbox *m = mem_zalloc(sizeof(*m) + capacity * sizeof(m->items[0]));
    m->capacity = capacity;
    m->wake = wake;
    m->arg = arg;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    /* Waiting must not stretch or shrink when somebody sets the wall clock. */
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->filled, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void mailbox_free(struct mailbox *m)
{
    if (!m)
        return;
    pthread_cond_destroy(&m->filled);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static size_t count_of(struct mailbox *m)
{
    return atomic_load_explicit(&m->count, memory_order_relaxed);
}

static void set_count(struct mailbox *m, size_t count)
{
    atomic_store_explicit(&m->count, count, memory_order_relaxed);
}

int mailbox_put_many(struct mailbox *m, void *const *items, int n)
{
    void (*wake)(void *) = NULL;
    void *arg = NULL;
    pthread_mutex_lock(&m->lock);
    size_t count = count_of(m);
    int rv = m->closed ? ERR_STATE : (size_t)n > m->capacity - count ? ERR_BUSY : 0;
    if (rv == 0 && n > 0) {
        for (int i = 0; i < n; i++)
            m->items[(m->head + count + (size_t)i) % m->capacity] = items[i];
        set_count(m, count + (size_t)n);
        if (count == 0) {
            wake = m->wake;
            arg = m->arg;
        }
        if (m->sleeping) {
            m->sleeping = false;
            pthread_cond_signal(&m->filled);
        }
    }
    pthread_mutex_unlock(&m->lock);
    if (wake)
        wake(arg);
    return rv;
}

int mailbox_put(struct mailbox *m, void *item)
{
    return mailbox_put_many(m, &item, 1);
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Sleep until there is an item, the mailbox is closed, or time is up. The lock is held before and after. */
static void wait_filled(struct mailbox *m, int timeout_ms)
{
    struct timespec until = {0};
    if (timeout_ms > 0)
        until = deadline_in(timeout_ms);
    int rv = 0;
    while (count_of(m) == 0 && !m->closed && rv != ETIMEDOUT) {
        m->sleeping = true;
        rv = timeout_ms < 0 ? pthread_cond_wait(&m->filled, &m->lock)
                            : pthread_cond_timedwait(&m->filled, &m->lock, &until);
    }
    m->sleeping = false;
}

int mailbox_take(struct mailbox *m, void **out, int max, int timeout_ms)
{
    pthread_mutex_lock(&m->lock);
    if (timeout_ms != 0)
        wait_filled(m, timeout_ms);
    size_t count = count_of(m);
    int taken = 0;
    while (taken < max && count > 0) {
        out[taken++] = m->items[m->head];
        m->head = (m->head + 1) % m->capacity;
        count--;
    }
    set_count(m, count);
    int rv = taken == 0 && count == 0 && m->closed ? ERR_STATE : taken;
    pthread_mutex_unlock(&m->lock);
    return rv;
}

void mailbox_close(struct mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    pthread_cond_signal(&m->filled);
    pthread_mutex_unlock(&m->lock);
}

size_t mailbox_len(struct mailbox *m)
{
    return count_of(m);
}
