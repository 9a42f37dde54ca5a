/* What the server's COMMAND DOCS tells about its commands, for help and completion. */
#ifndef MUSTER_CLI_DOCS_H
#define MUSTER_CLI_DOCS_H

#include "client.h"
#include "plugin/args.h"

struct doc_arg {
    char *name, *type;
    bool optional;
};

struct doc_command {
    char *name, *summary;
    struct doc_arg *args;
    int nargs;
    struct shape *returns; /* NULL when the server does not say */
};

struct docs {
    struct doc_command *commands; /* in the server's order */
    int count;
};

/* Ask the server. 0 or a negative code; `docs` is then empty. */
int docs_read(struct client *client, struct docs *docs, struct err *err);
/* Read the reply to a COMMAND DOCS that was asked already. 0 or ERR_PROTO; `docs` is then empty. */
int docs_parse(struct slice reply, struct docs *docs, struct err *err);
const struct doc_command *docs_find(const struct docs *docs, struct slice name);
/* What the command returns, or NULL when that is not known. */
const struct shape *docs_returns(const struct docs *docs, struct slice name);
void docs_close(struct docs *docs);

#endif
