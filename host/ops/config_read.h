/* From the text of a configuration file to the struct. Inside ops/. */
#ifndef MUSTER_OPS_CONFIG_READ_H
#define MUSTER_OPS_CONFIG_READ_H

#include "ops/config.h"

/* `c` holds the defaults and is changed by what the text says. `name` is for messages. 0 or ERR_ARG. */
int config_read(const char *name, struct slice text, struct config *c, struct err *err);

#endif
