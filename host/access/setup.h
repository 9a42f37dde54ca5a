/* The first administrator, made by `muster init`. */
#ifndef MUSTER_ACCESS_SETUP_H
#define MUSTER_ACCESS_SETUP_H

#include "base/err.h"

/* Create the database file (0600), bring the host's tables up to date and add an administrator who signs in with the
 * certificate of this SHA-256 fingerprint (hex). 0, ERR_CONFLICT when the user exists, ERR_IO. */
int setup_administrator(const char *db_path, const char *user, const char *fingerprint, struct err *err);

#endif
