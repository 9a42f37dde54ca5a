/* Inside plugin/: start the process of a plugin, this program again with nothing but its line, and keep an eye on it. */
#ifndef MUSTER_PLUGIN_CHILD_SPAWN_H
#define MUSTER_PLUGIN_CHILD_SPAWN_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a process does, as its owner knows. It says itself when it is done; whether that is true, its CPU time tells. */
enum child_turn { CHILD_LOADS, CHILD_IDLES, CHILD_RUNS };

/* A process. Its owner's memory, lent to the spawner until child_spawn_forget. */
struct spawned {
    int pid;
    atomic_bool overran; /* killed by the spawner: it used more CPU time than its turn allows */
    /* the rest is child_spawn.c's */
    _Atomic uint64_t turn;
    struct spawned *next;
    uint64_t seen_turn, seen_ns, seen_cpu_ns;
};

/* Start `muster child` with the other end of `*line_fd` as its descriptor 3; it loads. 0, or ERR_IO. Any thread. */
int child_spawn(struct spawned *process, int *line_fd, struct err *err);
/* Another turn begins. Its owner. */
void child_spawn_turn(struct spawned *process, enum child_turn turn);
/* Let go of it: before it is waited for, as its number is another's then. Its owner. */
void child_spawn_forget(struct spawned *process);
/* Another program than the running one: tests. Before the first child_spawn. */
void child_spawn_program(const char *path);

#endif
