/* The one configuration file: a Lua table read as data. */
#ifndef MUSTER_OPS_CONFIG_H
#define MUSTER_OPS_CONFIG_H

#include "net/server.h"

#define CONFIG_DISABLED_MAX 64

/* Every setting, typed; texts belong to the struct. */
struct config {
    char *host;
    int port;
    int lines;     /* enum server_lines */
    int log_level; /* enum log_level */
    int zone_min;  /* minutes east of UTC of civil days */
    int drain_ms;
    char *plugins_dir, *lib_dir;                      /* "": where the program was installed from */
    const char *disabled[CONFIG_DISABLED_MAX + 1];    /* plugins to leave out, NULL-terminated */
    const char *native_keys[CONFIG_DISABLED_MAX + 1]; /* keys whose native code may run in this process */
    int probation_s;                                  /* how long a new generation is watched */
    int developer;                                    /* packages without a signature are taken */
    int readers, mailbox, batch_commands, batch_ms;
    int idem_keep_days;
    int script_memory_mib, script_grace_ms, reply_mib;
    struct server_limits limits;
};

/* Read the file, or take the defaults (path NULL). 0; ERR_IO when it cannot be read; ERR_ARG (rules "config.syntax",
 * "config.unknown", "config.type", "config.range") naming the file, the setting and what is right. On an error `out`
 * is empty. */
int config_load(const char *path, struct config *out, struct err *err);
void config_close(struct config *c); /* a zeroed struct is fine */

/* Append a whole file with every setting, its default and its meaning: it loads as the defaults do. */
void config_print(struct buf *out);

/* What the `limits` command shows. `rows` holds CONFIG_LIMIT_ROWS. Returns how many were filled. */
#define CONFIG_LIMIT_ROWS 40
int config_limit_rows(const struct config *c, struct limit_row *rows);

#endif
