/* How `muster plugin …` reaches a server: over TLS, or, when none serves the folder, a host of its own on it. */
#ifndef MUSTER_CLI_PLUGIN_LINK_H
#define MUSTER_CLI_PLUGIN_LINK_H

#include "cli/connect.h"
#include "cli/house.h"
#include "ops/embed.h"

#include <jansson.h>

struct plugin_link {
    struct connect connect; /* filled by connect_option */
    struct client *client;  /* or */
    struct embed *embed;
    struct house house;
    struct probation *probation;
    struct buf reply;
};

/* Zero-initialise; link_close frees. 0 or a negative code. */
int link_open(struct plugin_link *link, struct err *err);
void link_close(struct plugin_link *link);
/* Send one command and wait for its reply, which is valid until the next. An error reply becomes a negative code. */
int link_call(struct plugin_link *link, const struct slice *words, int nwords, struct slice *reply, struct err *err);
/* The same, with the reply as a JSON value that the caller owns. */
int link_json(struct plugin_link *link, const struct slice *words, int nwords, json_t **out, struct err *err);
/* Print the reply as `muster call` does. */
int link_print(struct plugin_link *link, const struct slice *words, int nwords, struct err *err);

/* Show a staged plan, ask, activate, and watch the probation. `yes`: do not ask; `wait` false: do not watch. */
int link_go(struct plugin_link *link, const json_t *plan, bool yes, bool wait, struct err *err);

#endif
