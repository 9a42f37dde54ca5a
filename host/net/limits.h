/* The limits of connections: their defaults, and how they are shown. */
#ifndef MUSTER_NET_LIMITS_H
#define MUSTER_NET_LIMITS_H

#include "net/server.h"

enum { LIMIT_ROWS = 18 };

/* Put the default wherever 0 stands for it. */
void limits_fill(struct server_limits *limits);
/* One row for each, for the command `limits` and for CONFIG GET. */
void limits_rows(const struct server_limits *limits, struct limit_row out[LIMIT_ROWS]);

#endif
