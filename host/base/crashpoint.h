/* Places at which a test may end the process, to prove that whatever was written so far can be lived with. */
#ifndef MUSTER_BASE_CRASHPOINT_H
#define MUSTER_BASE_CRASHPOINT_H

/* After each durable step of an install: ends the process with SIGKILL when it is the MUSTER_CRASH_AT-th one reached
 * (an environment variable, looked at only with MUSTER_TEST=1). Otherwise logs nothing and does nothing. Any thread. */
void crash_point(const char *name);

#endif
