/* Watching a new generation, and tidying behind it. For cli/: the tick of the slow lane. */
#ifndef MUSTER_OPS_PROBATION_H
#define MUSTER_OPS_PROBATION_H

#include "work/lanes.h"

struct probation;
struct probation *probation_new(void);
void probation_free(struct probation *p); /* after the lanes have stopped */
/* For lanes_options.tick, with a struct probation as tick_arg. The slow lane's thread. */
void probation_tick(struct lanes *l, struct calls *c, void *arg);

#endif
