/* The commands that change which plugins run, and those that tell. Inside ops/. */
#ifndef MUSTER_OPS_INSTALL_COMMANDS_H
#define MUSTER_OPS_INSTALL_COMMANDS_H

#include "ops/guard.h"
#include "ops/install_set.h"

/* Only administrators, and only on a server with a data folder. 0, ERR_NOPERM (rule "access.admin_only") or ERR_STATE. */
int install_guard(const struct call *call, struct err *err);

/* Native commands, see plugin_commands.c. */
int install_upload(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_stage(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_withdraw(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_activate(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_settle(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_list(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_show(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_generations(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_verify_all(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_tables(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_purge(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_keys(struct call *call, const struct value *args, struct reply *reply, struct err *err);
int install_rehearse(struct call *call, const struct value *args, struct reply *reply, struct err *err);

#endif
