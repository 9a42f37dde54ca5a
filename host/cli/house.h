/* A data folder and everything that follows from it: its files, its configuration, where plugins come from. What serve,
 * doctor and `muster plugin` begin with. */
#ifndef MUSTER_CLI_HOUSE_H
#define MUSTER_CLI_HOUSE_H

#include "ops/config.h"
#include "plugin/site.h"

#define HOUSE_PATH_BYTES 1024

/* Zero-initialise and fill the first five; house_close frees. Not to be moved once it is open. */
struct house {
    const char *data;
    const char *config_path; /* NULL: DIR/config.lua, if there is one */
    const char *live;        /* plugins that are being written, or NULL */
    const char *plugins;     /* NULL: the configuration's, or those that came with the program */
    bool safe_mode;
    bool defaults; /* take no configuration file: for doctor, when it is wrong */
    char db[HOUSE_PATH_BYTES], quarantine[HOUSE_PATH_BYTES], ca[HOUSE_PATH_BYTES], cert[HOUSE_PATH_BYTES],
        key[HOUSE_PATH_BYTES];
    char own_config[HOUSE_PATH_BYTES], plugins_dir[HOUSE_PATH_BYTES], lib_dir[HOUSE_PATH_BYTES],
        native_dir[HOUSE_PATH_BYTES];
    struct config config;
    struct site site;
    struct limit_row rows[CONFIG_LIMIT_ROWS];
};

/* 0, ERR_IO when the folder is none of ours, ERR_ARG for a wrong configuration. */
int house_open(struct house *h, struct err *err);
void house_close(struct house *h);
/* What the lanes want of it; without registry, tick and tests' switches. Points into `h`. */
struct lanes_options house_lanes(struct house *h);

#endif
