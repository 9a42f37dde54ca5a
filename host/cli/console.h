/* Pieces of Lua for the server: what `muster console` and `muster call --dry-run` share. */
#ifndef MUSTER_CLI_CONSOLE_H
#define MUSTER_CLI_CONSOLE_H

#include "cli/docs.h"

#include <jansson.h>

#define CONSOLE_OWN_MAX 4

struct console_piece {
    struct slice code;
    const char *plugin; /* whose code it is; NULL: nobody's */
    bool commit;
    struct slice own[CONSOLE_OWN_MAX]; /* words of the request itself: at=…, lang=… */
    int nown;
};

/* Send it as lua.eval; the reply is the caller's. When the connection fails, the client is closed and NULL: whether the
 * piece was run is not known. 0 or the refusal. */
int console_ask(struct client **client, const struct console_piece *p, json_t **out, struct err *err);
/* Print what it printed, its values, and its rows; `hint` stands behind their number when nothing was kept. */
void console_print(const json_t *reply, bool json, const char *hint);
long long console_rows(const json_t *reply); /* how many changed */

/* Ask for the command of these words, undone, and print what it answers. `docs` names the arguments that were given by
 * position. As console_ask. */
int console_try(struct client **client, const struct slice *words, int count, const struct docs *docs, bool json,
                struct err *err);

#endif
