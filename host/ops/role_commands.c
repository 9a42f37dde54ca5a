#include "ops/commands.h"

#include "access/roles.h"
#include "access/unit.h"
#include "ops/guard.h"
#include "wire/reply.h"

#include <jansson.h>

/* Roles, and the command that explains decisions. Whoever may use role.define and role.grant can give any right but
 * that of an administrator. */

enum { GRANTS_MAX = 100 };

static int define(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = guard_whole_server(call, err);
    if (rv)
        return rv;
    json_t *list = json_loadb(args[1].s.data, args[1].s.len, 0, NULL);
    struct slice grants[GRANTS_MAX];
    int count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < GRANTS_MAX; i++) {
        const json_t *item = json_array_get(list, i);
        grants[count++] = (struct slice){json_string_value(item), json_string_length(item)};
    }
    rv = role_define(call->store, args[0].s, grants, count, call->now_ms, err);
    json_decref(list);
    return guard_changed(call, reply, rv);
}

static int list(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    const struct role_suggestion *const *suggested;
    int count = registry_roles(calls_of(call)->registry, &suggested);
    int rv = guard_whole_server(call, err);
    return rv ? rv : role_list(call->store, suggested, count, reply, err);
}

static const struct role_suggestion *find_suggestion(const struct call *call, struct slice name)
{
    const struct role_suggestion *const *list;
    int count = registry_roles(calls_of(call)->registry, &list);
    for (int i = 0; i < count; i++) {
        if (slice_is(name, list[i]->name))
            return list[i];
    }
    return NULL;
}

static int admin_only(const struct call *call, struct slice role, struct err *err)
{
    if (!slice_is(role, ROLE_ADMINISTRATOR) || calls_of(call)->identity->admin)
        return 0;
    return err_rule(err, ERR_POLICY, "access.admin_only", "role", "only an administrator makes administrators");
}

static int grant(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = admin_only(call, args[1].s, err);
    if (rv == 0)
        rv = role_grant(call->store, &user, args[1].s, text_arg(&args[2]), find_suggestion(call, args[1].s),
                        call->now_ms, err);
    return guard_changed(call, reply, rv);
}

static int revoke(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = role_revoke(call->store, &user, args[1].s, text_arg(&args[2]), call->now_ms, err);
    return guard_changed(call, reply, rv);
}

/* -- acl.why -- */

static void write_step(void *arg, const char *text)
{
    reply_cstr(arg, text);
}

struct hint {
    const struct call *call;
    struct reply *reply;
};

static void write_hint(void *arg, struct slice role)
{
    const struct hint *h = arg;
    char text[200];
    snprintf(text, sizeof(text), in_chinese(h->call) ? "角色 %.*s 可以允许它" : "the role %.*s would allow it",
             (int)role.len, role.data);
    reply_cstr(h->reply, text);
}

/* Which roles would allow it: the server's, then what plugins suggest. */
static int write_hints(struct call *call, const char *name, bool write, struct reply *reply, struct err *err)
{
    struct hint h = {call, reply};
    int rv = role_find_allowing(call->store, name, write, write_hint, &h, err);
    const struct role_suggestion *const *list;
    int count = registry_roles(calls_of(call)->registry, &list);
    for (int i = 0; rv == 0 && i < count; i++) {
        bool allows = false;
        for (int k = 0; list[i]->grants[k]; k++)
            allows = allows || pattern_matches(list[i]->grants[k], name, write);
        if (allows)
            write_hint(&h, slice_of(list[i]->name));
    }
    return rv;
}

/* The command asked about, or figure.get for a figure's name. */
static const struct command *asked(const struct call *call, struct slice name, const char **figure)
{
    const struct registry *registry = calls_of(call)->registry;
    const struct command *command = registry_command(registry, name);
    const struct figure *f = command ? NULL : registry_figure(registry, name);
    *figure = f ? f->name : NULL;
    return f ? registry_command(registry, SLICE("figure.get")) : command;
}

static int explain(struct call *call, const struct identity *id, const struct question *q, struct reply *reply,
                   struct err *err)
{
    const char *scope;
    access_explain(id, q, call->lang, write_step, reply);
    if (access_decide(id, q, &scope, NULL) != ERR_NOPERM)
        return 0;
    return write_hints(call, q->figure ? q->figure : q->command->name, q->command->mode == MODE_WRITE, reply, err);
}

static int why(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    const char *figure;
    int rv = guard_whole_server(call, err);
    if (rv == 0)
        rv = user_find(call->store, args[0].s, &user, err);
    if (rv)
        return rv;
    const struct command *command = asked(call, args[1].s, &figure);
    if (!command)
        return err_rule(err, ERR_NOTFOUND, "command.unknown", "command", "there is no command or figure %.*s",
                        (int)args[1].s.len, args[1].s.data);
    if (user.disabled) {
        reply_array_open(reply);
        reply_cstr(reply,
                   in_chinese(call) ? "该用户已停用，所有请求都被拒绝" : "the user is disabled: everything is refused");
        reply_close(reply);
        return 0;
    }
    struct identity *id = NULL;
    rv = identity_read(call->store, user.id, "", &id, err);
    struct buf path = {0};
    struct unit_ref unit = {.arg = "unit", .code = text_arg(&args[2])};
    int found = rv == 0 && unit.code.len ? unit_path(call->store, unit.code, &path, err) : 0;
    if (found < 0)
        rv = found;
    if (rv == 0) {
        unit.path = found == 1 ? buf_cstr(&path) : NULL;
        const struct question q = {command, figure, &unit, unit.code.len ? 1 : 0};
        reply_array_open(reply);
        rv = explain(call, id, &q, reply, err);
        reply_close(reply);
    }
    buf_close(&path);
    identity_unref(id);
    return rv;
}

const struct native_command role_commands[] = {
    {"role.define", MODE_WRITE, "name:text(1..64) grants:text(1..100)[](0..100)", "bool",
     "Define a role or change its grants: a command, plugin.*, *, each also with read: in front, or backdate.",
     "定义角色或修改其授权：命令名、plugin.*、*，前面可加 read:，或 backdate。", define},
    {"role.list", MODE_READ, "", "[{name:text, grants:[text], plugin:text, users:int}]",
     "List roles and those that plugins suggest.", "列出角色以及插件建议的角色。", list},
    {"role.grant", MODE_WRITE, "user:text(1..64) role:text(1..64) unit:text(1..64)?", "bool",
     "Give a user a role on a unit with all below it, or on everything. A role that a plugin suggests is taken "
     "over with its first grant.",
     "授予用户某单位及其下属范围内的角色，不给单位则为全部。插件建议的角色在首次授予时被采用。", grant},
    {"role.revoke", MODE_WRITE, "user:text(1..64) role:text(1..64) unit:text(1..64)?", "bool",
     "Take a role on a unit, or on everything, back.", "收回用户在某单位或全部范围的角色。", revoke},
    {"acl.why", MODE_READ, "user:text(1..64) command:text(1..100) unit:text(1..64)?", "[text]",
     "Explain in words why a user may or may not use a command or read a figure.",
     "用文字解释用户为何可以或不可以使用某命令或读取某指标。", why},
    {0},
};
