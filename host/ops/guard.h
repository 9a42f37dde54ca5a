/* What the host's commands have in common; above all what those that change access check first. Inside ops/. */
#ifndef MUSTER_OPS_GUARD_H
#define MUSTER_OPS_GUARD_H

#include "access/users.h"
#include "wire/reply.h"
#include "work/calls.h"

#include <string.h>

/* Users and roles belong to no unit: a right on a subtree does not reach them. 0 or ERR_SCOPE (rule
 * "access.whole_server"). */
int guard_whole_server(const struct call *call, struct err *err);
/* Find the user to be changed: the above, and only administrators change administrators (ERR_POLICY, rule
 * "access.admin_only"). */
int guard_user(const struct call *call, const struct value *name, struct user *out, struct err *err);

/* So end commands that change access: rights may have changed, and the reply is `true`; `rv` as it is on an error. */
int guard_changed(struct call *call, struct reply *reply, int rv);

static inline bool in_chinese(const struct call *call)
{
    return strcmp(call->lang, "zh-CN") == 0;
}
/* The text of an argument; empty when absent. */
static inline struct slice text_arg(const struct value *v)
{
    return v->type == VALUE_NULL ? (struct slice){"", 0} : v->s;
}

#endif
