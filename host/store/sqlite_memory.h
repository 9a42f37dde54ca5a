/* What SQLite allocates, counted for each thread, and bounded while a plugin's statement is prepared, bound or run. */
#ifndef MUSTER_STORE_SQLITE_MEMORY_H
#define MUSTER_STORE_SQLITE_MEMORY_H

#include <stdatomic.h>
#include <stdint.h>

#define SQLITE_MEMORY_MIB 64 /* that the statements of one command may add */

enum sqlite_refusal { REFUSED_NOTHING, REFUSED_SIZE, REFUSED_LATE };

/* Make SQLite allocate through this file. Once, before sqlite3_initialize. Source: sqlite.org/c3ref/mem_methods.html */
void sqlite_memory_install(void);
/* A transaction or a command begins on this thread: what its statements add is counted from here. */
void sqlite_memory_begin(void);
/* From here to sqlite_memory_unbound, this thread gets nothing above SQLITE_MEMORY_MIB, and nothing at all once
 * `interrupts` has gone above a hundred. It is counted up by another thread, and must live as long. */
void sqlite_memory_bound(const _Atomic int *interrupts);
void sqlite_memory_unbound(void);
/* Why this thread was first given nothing since the last sqlite_memory_bound. */
enum sqlite_refusal sqlite_memory_refused(void);
/* Bytes that this thread took and did not give back, from its first allocation on. */
int64_t sqlite_memory_used(void);

#endif
