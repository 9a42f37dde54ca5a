#include "base/crashpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int reached;

void crash_point(const char *name)
{
    const char *testing = getenv("MUSTER_TEST"), *at = getenv("MUSTER_CRASH_AT");
    if (!testing || strcmp(testing, "1") != 0 || !at)
        return;
    int nth = atomic_fetch_add(&reached, 1) + 1;
    fprintf(stderr, "crash point %d: %s\n", nth, name);
    if (nth == atoi(at))
        kill(getpid(), SIGKILL);
}
