#include "ops/commands.h"

#include "ops/guard.h"

#include <string.h>

const struct native_command *const host_commands[] = {
    user_commands, role_commands, audit_commands, figure_commands, plugin_commands, console_commands, NULL};

int guard_whole_server(const struct call *call, struct err *err)
{
    if (strcmp(call->scope, "/") == 0)
        return 0;
    return err_rule(err, ERR_SCOPE, "access.whole_server", NULL,
                    "%s concerns the whole server, and %s holds it on a unit only; a grant without unit is needed",
                    call->command, call->user);
}

int guard_user(const struct call *call, const struct value *name, struct user *out, struct err *err)
{
    int rv = guard_whole_server(call, err);
    if (rv == 0)
        rv = user_find(call->store, name->s, out, err);
    if (rv == 0 && out->admin && !calls_of(call)->identity->admin)
        rv = err_rule(err, ERR_POLICY, "access.admin_only", "name", "only an administrator changes an administrator");
    return rv;
}

int guard_changed(struct call *call, struct reply *reply, int rv)
{
    if (rv == 0) {
        call_access_changed(call);
        reply_bool(reply, true);
    }
    return rv;
}
