/* Plugins that are being written: the folders below the one of `serve --dev`. */
#ifndef MUSTER_PLUGIN_LIVE_H
#define MUSTER_PLUGIN_LIVE_H

#include "base/err.h"

#define LIVE_PLUGINS_MAX 16
#define LIVE_PATH_BYTES 1024

struct live_plugin {
    char name[64];
    char folder[LIVE_PATH_BYTES]; /* absolute */
    bool c_files;                 /* it has some */
};

struct live {
    struct live_plugin plugins[LIVE_PLUGINS_MAX];
    int count;
};

/* The plugins of `dir`, as they are now, by name: the folder itself when it has a manifest.lua, else every folder in it
 * that has one; none is fine. Any thread. 0, ERR_IO when it cannot be read, ERR_LIMIT (rule "live.many"). */
int live_find(const char *dir, struct live *out, struct err *err);

#endif
