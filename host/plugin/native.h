/* Inside plugin/: commands of C plugins, declared and run. */
#ifndef MUSTER_PLUGIN_NATIVE_H
#define MUSTER_PLUGIN_NATIVE_H

#include "plugin/catalog.h"
#include "plugin/object.h"
#include "wire/reply.h"

/* -- declare: described.c -- */

/* Open the plugin's NAME.so and take its commands over. A plugin that runs in a process of its own is not opened here:
 * such a process opens it and says what it declares. ERR_ARG with a rule "native.…". */
int native_load(struct registry *r, struct package *p, struct err *err);
/* Open the shared object, append what it declares as JSON text, close it. For the process that a plugin runs in. */
int native_describe(const char *path, struct buf *out, struct err *err);
/* Take over what native_describe wrote in another process: checked like a file from a stranger. */
int native_declare(struct registry *r, struct package *p, struct slice described, struct err *err);

/* -- run: native.c, native_host.c, native_store.c, native_ask.c -- */

/* The adapter: `native_run` of every C plugin's command; its muster_command is call->declared->native_data. */
int native_call(struct call *call, const struct value *args, struct reply *reply, struct err *err);
/* A pure command for the running call of another plugin: `outer` as it is, args already checked and with a NUL behind
 * each text. Writes its whole reply to the end of `out`. */
int native_call_pure(const struct command *command, struct call *outer, const struct value *args, struct buf *out,
                     size_t max_bytes, struct err *err);

/* -- check: fit.c -- */

/* Does one canonical value fit its declared shape? 0, or ERR_INTERNAL saying what should be what. */
int shape_fits(const struct shape *shape, struct slice canonical, struct err *err);

#endif
