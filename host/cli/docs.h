/* What the server's COMMAND DOCS tells about its commands, for help and completion. */
#ifndef MUSTER_CLI_DOCS_H
#define MUSTER_CLI_DOCS_H

#include "client.h"

struct doc_arg {
    char *name, *type;
    bool optional;
};

struct doc_command {
    char *name, *summary;
    struct doc_arg *args;
    int nargs;
};

struct docs {
    struct doc_command *commands; /* in the server's order */
    int count;
};

/* Ask the server. 0 or a negative code; `docs` is then empty. */
int docs_read(struct client *client, struct docs *docs, struct err *err);
const struct doc_command *docs_find(const struct docs *docs, struct slice name);
void docs_close(struct docs *docs);

#endif
