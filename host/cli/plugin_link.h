/* How `muster plugin …` reaches a server: over TLS, or, when none serves the folder, a host of its own on it. */
#ifndef MUSTER_CLI_PLUGIN_LINK_H
#define MUSTER_CLI_PLUGIN_LINK_H

#include "cli/connect.h"
#include "cli/house.h"
#include "ops/embed.h"

#include <jansson.h>

struct plugin_link {
    struct connect connect; /* filled by connect_option */
    bool look_only;         /* only questions: a folder that no server serves stays as it is */
    struct client *client;  /* or */
    struct embed *embed;
    struct house house;               /* its config_path and plugins may be filled in before: as for `muster serve` */
    char copy[HOUSE_PATH_BYTES + 32]; /* a folder with a copy of the database, "" without */
    struct probation *probation;
    struct buf reply;
};

/* For the manuals: what matters when there is no server. */
#define LINK_MANUAL                                                                                                    \
    "Without a server:\n"                                                                                              \
    "  --config FILE, --plugins DIR   as for `muster serve`\n"
#define LINK_LONG_OPTIONS                                                                                              \
    {"config", required_argument, NULL, LINK_CONFIG}, {"plugins", required_argument, NULL, LINK_PLUGINS},              \
        CONNECT_LONG_OPTIONS
enum { LINK_CONFIG = 2000, LINK_PLUGINS };
/* As connect_option, and takes those two. */
int link_option(struct plugin_link *link, int option, const char *value, struct err *err);

/* Zero-initialise; link_close frees. 0 or a negative code. */
int link_open(struct plugin_link *link, struct err *err);
void link_close(struct plugin_link *link);
/* Send one command and wait for its reply, which is valid until the next. An error reply becomes a negative code. */
int link_call(struct plugin_link *link, const struct slice *words, int nwords, struct slice *reply, struct err *err);
/* The same, with the reply as a JSON value that the caller owns. */
int link_json(struct plugin_link *link, const struct slice *words, int nwords, json_t **out, struct err *err);
/* Print the reply as `muster call` does; or one that came already. */
int link_print(struct plugin_link *link, const struct slice *words, int nwords, bool json, struct err *err);
int link_show(struct slice command, struct slice reply, bool json, struct err *err);

/* plugin_tell.c: ask plugin.list or plugin.generations, and print what people look for first. */
int tell_list(struct plugin_link *link, struct err *err);
int tell_generations(struct plugin_link *link, struct err *err);
/* Ask plugin.verify, print it, and fail when a plugin is not what was installed (rule "package.changed"). */
int tell_verify(struct plugin_link *link, const struct slice *words, int nwords, bool json, struct err *err);

/* plugin_rehearse.c: play the last `last` writes (NULL: the server's choice) with a staged plan, tell what differs, and
 * withdraw the plan. 0 nothing differs, 1 something does, or a negative code. */
int link_rehearse(struct plugin_link *link, const json_t *plan, const char *last, bool json, struct err *err);
/* Forget a staged plan. */
void link_withdraw(struct plugin_link *link, const char *stage);

/* Ask on standard output; y, yes, 是 and 好 agree. */
bool link_agreed(const char *question);
/* Show a staged plan, ask, activate, and watch the probation. `yes`: do not ask; `wait` false: do not watch. */
int link_go(struct plugin_link *link, const json_t *plan, bool yes, bool wait, struct err *err);

#endif
