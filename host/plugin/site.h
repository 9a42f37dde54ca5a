/* Where a server's things are, and what its operator decided about plugins. Constant while it runs. */
#ifndef MUSTER_PLUGIN_SITE_H
#define MUSTER_PLUGIN_SITE_H

#include "plugin/registry.h"

/* In the data folder: muster.db, config.lua, the certificates, and
 *
 *   plugins/NAME/VERSION-HASH/  what packages brought, never changed once it is there; HASH: the first 12 digits of
 *                               the package's SHA-256
 *   plugins/tmp/                being unpacked; removed at the start
 *   plugins.lock                the plugins of the running generation, with hashes (written for people and `install
 *                               --locked`; the database is what counts)
 *   keys/NAME.pem               public keys whose packages may be installed
 *   quarantine/NAME             plugins that brought the process down, see script/quarantine.h
 *   crashes/                    how plugins' own processes ended, see plugin/child_crash.h
 *   capsules/                   failed calls, for their authors */
struct site {
    const char *data_dir;    /* NULL: a host without a data folder (tests of a plugin) */
    const char *bundled_dir; /* plugins that came with the program, or --plugins */
    const char *live_dir;    /* plugins being written, see plugin/live.h; NULL: none */
    const char *lib_dir;     /* api/lib */
    const char *native_dir;  /* NAME.so of bundled plugins */
    const struct native_command *const *host;
    const char *const *disabled;    /* by configuration; NULL-terminated, or NULL */
    const char *const *native_keys; /* names of keys whose native code may run in this process; as above */
    int probation_ms;               /* how long a new generation is watched */
    bool developer;                 /* packages without a signature are taken; said at every start */
    bool safe_mode;                 /* no plugins at all */
};

#endif
