/* Roles and their grants. Inside a command of the writer, or (lists) a read. */
#ifndef MUSTER_ACCESS_ROLES_H
#define MUSTER_ACCESS_ROLES_H

#include "access/users.h"
#include "plugin/declare.h"

/* Not a role like others: every command, everywhere. Granting it makes a user administrator. */
#define ROLE_ADMINISTRATOR "administrator"

/* Define a role or change what it grants; `grants` are patterns. ERR_ARG (rule "role.name", "role.pattern"),
 * ERR_LIMIT (more than 100). */
int role_define(struct store *s, struct slice name, const struct slice *grants, int ngrants, int64_t now_ms,
                struct err *err);
/* Give a role on a unit's subtree, or on everything (unit.len == 0). A suggestion of a plugin becomes a role of the
 * server with the first grant (`suggested`, may be NULL): from then on it is the administrator's, and an upgrade of
 * the plugin does not change it. ERR_NOTFOUND (rule "role.unknown", "unit.unknown"), ERR_CONFLICT (rule
 * "role.granted"). */
int role_grant(struct store *s, const struct user *user, struct slice role, struct slice unit,
               const struct role_suggestion *suggested, int64_t now_ms, struct err *err);
/* ERR_NOTFOUND (rule "role.not_granted"). */
int role_revoke(struct store *s, const struct user *user, struct slice role, struct slice unit, int64_t now_ms,
                struct err *err);
/* Write the roles in order of name as maps {name, grants, plugin, users}; suggestions not yet in use follow. */
int role_list(struct store *s, const struct role_suggestion *const *suggested, int nsuggested, struct reply *reply,
              struct err *err);
/* Call `each` for every role whose grants match: for acl.why. */
int role_find_allowing(struct store *s, const char *command, bool write, void (*each)(void *arg, struct slice role),
                       void *arg, struct err *err);

#endif
