/* Which packages of a folder go with those that are to be installed. */
#ifndef MUSTER_CLI_PLUGIN_RESOLVE_H
#define MUSTER_CLI_PLUGIN_RESOLVE_H

#include "base/buf.h"
#include "base/err.h"
#include "plugin/version.h"

#define OFFERS_MAX 300
#define NEEDS_MAX 32

/* One version of a plugin that could run. */
struct offer {
    char name[64], version[64], hash[65];
    struct version parsed;
    struct {
        char name[64], range[100];
    } needs[NEEDS_MAX];
    int nneeds;
    char *path;  /* of the package; NULL: it runs on the server already */
    bool chosen; /* to be installed; given by the caller for what was asked for */
};

struct offers {
    struct offer *list;
    int count;
};

void offers_close(struct offers *o);
/* Read a package file of at most PACKAGE_BYTES_MAX. */
int package_read(const char *path, struct buf *out, struct err *err);
/* Add the package file, and what its manifest requires. 0; ERR_IO; what package_check says; ERR_LIMIT. */
int offers_add_file(struct offers *o, const char *path, bool chosen, struct err *err);
/* Every *.muster file of a folder; one that can't be read is told on standard error and left out. */
int offers_add_folder(struct offers *o, const char *dir, struct err *err);
/* A plugin that runs; `needs` are "name" or "name range". */
int offers_add_running(struct offers *o, const char *name, const char *version, const char *const *needs, int nneeds,
                       struct err *err);
/* Choose the newest versions with which every requirement holds, replacing as little as possible of what runs. 0, or
 * ERR_STATE (rule "plugin.range") or ERR_NOTFOUND ("plugin.missing"), saying who requires what and what there is. */
int offers_resolve(struct offers *o, struct err *err);

#endif
