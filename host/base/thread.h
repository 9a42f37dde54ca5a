/* Threads and a one-shot gate; with mailbox, the only code that touches pthread locks. */
#ifndef MUSTER_BASE_THREAD_H
#define MUSTER_BASE_THREAD_H

#include <pthread.h>

/* Start a named thread (name cut at 15 bytes) with an 8 MiB stack and all signals blocked but SIGURG,
 * which the script watchdog uses. 0 or ERR_INTERNAL. Join it with pthread_join. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/* A gate opens once, with a result; others wait for it. Initialise with GATE_INIT. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int open, result;
};
#define GATE_INIT                                                                                                      \
    {                                                                                                                  \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0                                                      \
    }
void gate_open(struct gate *g, int result);
int gate_wait(struct gate *g); /* the result it was opened with */

#endif
