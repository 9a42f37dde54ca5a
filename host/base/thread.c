#include "base/thread.h"

#include "base/err.h"

#include <signal.h>
#include <stdio.h>

/* A Lua state may nest 200 C calls of some kilobytes, and 16 plugins may call one another on one stack. Pages that nobody
 * touches cost nothing. */
enum { STACK_BYTES = 32 * 1024 * 1024 };

/* A new thread inherits the mask of its maker, so the mask is set around the creation: there is no moment in which a
 * process signal could land on the new thread. Faults stay open: they cannot be held back, only be made harder to
 * report. */
static void lane_mask(sigset_t *mask)
{
    static const int open[] = {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigfillset(mask);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        sigdelset(mask, open[i]);
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t mask, before;
    lane_mask(&mask);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return ERR_INTERNAL;
    int rv = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (rv == 0)
        rv = pthread_sigmask(SIG_SETMASK, &mask, &before);
    if (rv == 0) {
        rv = pthread_create(thread, &attr, run, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    if (rv != 0)
        return ERR_INTERNAL;
    char cut[16]; /* the kernel keeps 15 bytes */
    snprintf(cut, sizeof(cut), "%.15s", name);
    pthread_setname_np(*thread, cut);
    return 0;
}

void gate_open(struct gate *g, int result)
{
    pthread_mutex_lock(&g->lock);
    if (!g->open) {
        g->open = 1;
        g->result = result;
        pthread_cond_broadcast(&g->cond);
    }
    pthread_mutex_unlock(&g->lock);
}

int gate_wait(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->lock);
    int result = g->result;
    pthread_mutex_unlock(&g->lock);
    return result;
}
