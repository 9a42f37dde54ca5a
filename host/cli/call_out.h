/* A command's reply as a file: `muster call … --out FILE`. */
#ifndef MUSTER_CLI_CALL_OUT_H
#define MUSTER_CLI_CALL_OUT_H

#include "client.h"
#include "plugin/declare.h"

/* The file's kind follows from its ending: .json, .svg, .csv, .xlsx. 0, or ERR_ARG for another one. */
int call_out_check(const char *path, struct err *err);
/* Before the command is sent: could the file be written? Leaves nothing. 0 or ERR_IO. */
int call_out_try(const char *path, struct err *err);
/* Write the reply: a text or bytes as they are; a list or map as JSON, or as a table, which the server's cnkit turns
 * into CSV or XLSX. `shape` is what the command declares to return, or NULL. The file appears whole or not at all;
 * one that is there keeps its mode, and a link stays one. Overwrites `reply`'s bytes. 0, ERR_STATE when the reply can't
 * be such a file, ERR_IO, or what the server refused with. */
int call_out_write(const char *path, struct client *client, struct slice reply, const struct shape *shape,
                   struct err *err);

#endif
