/* Faults on demand, injected where survival is promised. Tests only. */
#ifndef MUSTER_STORE_FAULTY_H
#define MUSTER_STORE_FAULTY_H

#include "base/err.h"

/* A script of faults: comma separated `what@n`, meaning the n-th call (from 1) of
 *   commit-retry    rolls back and answers RETRY
 *   commit-unknown  commits and answers UNKNOWN
 *   commit-lost     rolls back and answers UNKNOWN
 *   commit-fenced   rolls back and answers FENCED
 *   begin-fenced    answers FENCED
 *   exec-full       fails with ERR_IO "disk full"
 *   commit-io       rolls back and fails with ERR_IO */
struct faults;
int faults_parse(const char *script, struct faults **out, struct err *err);
void faults_free(struct faults *f);
/* Count one call of `what` ("commit", "begin", "exec"); the fault to inject now (its full name), or NULL. */
const char *faults_next(struct faults *f, const char *what);

#endif
