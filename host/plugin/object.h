/* Inside plugin/: the shared object of a C plugin, opened, and what its descriptor says. */
#ifndef MUSTER_PLUGIN_OBJECT_H
#define MUSTER_PLUGIN_OBJECT_H

#include "base/buf.h"
#include "base/err.h"

#include <muster.h>

struct arena;

#define OBJECT_COMMANDS_MAX 500
#define NATIVE_ARGS_MAX 60

/* The commands in the layout of this host, whatever the plugin was compiled with: fields that it does not know are 0.
 * Texts lie in the shared object and live as long as `handle`. */
struct object {
    void *handle;
    const char *name, *version;
    struct muster_command *commands;
    size_t count;
};

/* Can the file run in this process at all? Reads its header only; none of its code runs. ERR_ARG with rule
 * "native.file", "native.elf" or "native.arch". */
int object_check(const char *path, struct err *err);
/* Check, open (its constructors run), and take its descriptor over; `a` holds the commands. ERR_ARG with rule
 * "native.file", "native.elf", "native.arch", "native.open", "native.symbol", "native.size", "native.abi" or
 * "native.descriptor"; the object is closed again then. */
int object_open(struct arena *a, const char *path, struct object *out, struct err *err);
void object_close(void *handle); /* NULL is fine; no call into it may run or come */

#endif
