/* Inside plugin/: the first message on a plugin's line, and what may be said of sizes. */
#ifndef MUSTER_PLUGIN_CHILD_HELLO_H
#define MUSTER_PLUGIN_CHILD_HELLO_H

#include "store/remote.h"

/* One message: a command's arguments, a reply, a question. */
#define CHILD_MESSAGE_MAX (REMOTE_MESSAGE_MAX + 64 * 1024)

/* What the process is for. Texts are borrowed. */
struct child_hello {
    const char *name, *folder;        /* of the plugin; or */
    const char *object;               /* a shared object that is only to be described */
    const char *native_dir, *lib_dir; /* or NULL */
    int64_t memory_bytes;             /* beyond what the process itself needs */
    int64_t soft_bytes, grace_ms, reply_bytes, log_level;
};
void child_hello_put(const struct child_hello *hello, struct buf *message);
/* The bytes of `message` are changed, and lent. 0 or ERR_PROTO. */
int child_hello_take(struct buf *message, struct child_hello *out);

#endif
