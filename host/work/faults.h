/* What a lane does about a plugin's fault: a capsule, see plugin/capsule.h. */
#ifndef MUSTER_WORK_FAULTS_H
#define MUSTER_WORK_FAULTS_H

#include "plugin/remote.h"
#include "work/calls.h"

/* What the task did was undone, and `err` is why it failed: make a capsule if it deserves one. Inside the read, batch or
 * command that it was part of. */
void calls_fault(struct calls *c, const struct remote_task *task, const struct err *err);

#endif
