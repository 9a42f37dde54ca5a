/* The shelf: where packages stand unpacked, DATA/plugins/NAME/VERSION-HASH/, and the files beside it; see site.h. */
#ifndef MUSTER_PLUGIN_SHELF_H
#define MUSTER_PLUGIN_SHELF_H

#include "plugin/arena.h"
#include "plugin/package.h"

#define SHELF_PATH_BYTES 1024

/* A copy of the database that is only looked at, for as long as `muster plugin list` or the like runs without a server, is
 * DATA/.look-PID-…. */
#define SHELF_LOOK ".look-"

/* Make DATA/plugins and DATA/plugins/tmp, the latter empty. Before anything else uses it. */
int shelf_open(const char *data_dir, struct err *err);
/* A path below DATA/plugins/tmp that was not given out before in this process. */
int shelf_tmp(const char *data_dir, const char *what, char out[SHELF_PATH_BYTES], struct err *err);
/* Where the package belongs, relative to the data folder: "plugins/fund/1.2.0-abcdef012345". */
int shelf_folder(const struct package_info *info, char out[SHELF_PATH_BYTES], struct err *err);
/* Check and unpack a package and put it on the shelf, on the disk before this returns. `folder` is relative to the data
 * folder. Is it there already and unchanged, it stays; changed, it is replaced, unless `keep` is true, because it runs:
 * ERR_CONFLICT. *fresh says whether it was put there now. Errors as package_unpack. */
int shelf_put(const char *data_dir, struct slice package, bool need_signature,
              bool (*keep)(void *arg, const char *folder), void *arg, struct package_info *info,
              char folder[SHELF_PATH_BYTES], bool *fresh, struct err *err);
/* Remove one folder of the shelf (relative to the data folder), and the folder of its name if that is empty then. */
int shelf_remove(const char *data_dir, const char *folder, struct err *err);
/* Remove every folder for which `keep` says no. */
int shelf_tidy(const char *data_dir, bool (*keep)(void *arg, const char *folder), void *arg, struct err *err);
/* What shelf_write is writing is DATA/plugins/tmp/file-…. */
#define SHELF_HALF "file"
/* Replace the file DATA/NAME in one step, unless it says this already. */
int shelf_write(const char *data_dir, const char *name, struct slice text, struct err *err);

#endif
