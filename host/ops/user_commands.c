#include "ops/commands.h"

#include "ops/guard.h"
#include "wire/reply.h"

/* Users and what they sign in with. Whoever may use user.token or user.password can act as any user who is no
 * administrator: it is a right to be given with care. */

static struct user_fields fields_of(const struct value *person, const struct value *methods,
                                    const struct value *language)
{
    return (struct user_fields){.person = text_arg(person), .methods = text_arg(methods), .lang = text_arg(language)};
}

static int add(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct user_fields fields = fields_of(&args[1], &args[2], &args[3]);
    int64_t id = 0;
    int rv = guard_whole_server(call, err);
    if (rv == 0)
        rv = user_add(call->store, args[0].s, &fields, false, call->now_ms, &id, err);
    return guard_changed(call, reply, rv);
}

static int set(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct user_fields fields = fields_of(&args[1], &args[2], &args[3]);
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_change(call->store, &user, &fields, err);
    return guard_changed(call, reply, rv);
}

static int list(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = guard_whole_server(call, err);
    return rv ? rv : user_list(call->store, text_arg(&args[0]), (int)args[1].i, reply, err);
}

/* The token is shown once: a stored reply would keep it in clear, so the request may have no idempotency key. */
static int token(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    char text[TOKEN_TEXT_BYTES];
    struct user user;
    if (call_idem(call).len)
        return err_rule(
            err, ERR_ARG, "arg.idem_secret", "idem",
            "user.token shows a secret once, and keeps no reply; send it without idem, and revoke a token that "
            "was not received");
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_token(call->store, &user, args[1].s, call->now_ms, text, err);
    if (rv)
        return rv;
    reply_map_open(reply);
    reply_key_cstr(reply, "token", text);
    reply_close(reply);
    return 0;
}

static int token_revoke(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_token_revoke(call->store, &user, args[1].s, call->now_ms, err);
    return guard_changed(call, reply, rv);
}

static int password(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_password(call->store, &user, args[1].s, err);
    return guard_changed(call, reply, rv);
}

static int cert(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_cert(call->store, &user, args[1].s, args[2].s, call->now_ms, err);
    return guard_changed(call, reply, rv);
}

static int cert_revoke(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_cert_revoke(call->store, &user, args[1].s, call->now_ms, err);
    return guard_changed(call, reply, rv);
}

static int disable(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_disable(call->store, &user, true, err);
    return guard_changed(call, reply, rv);
}

static int enable(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct user user;
    int rv = guard_user(call, &args[0], &user, err);
    if (rv == 0)
        rv = user_disable(call->store, &user, false, err);
    return guard_changed(call, reply, rv);
}

const struct native_command user_commands[] = {
    {"user.add", MODE_WRITE, "name:text(1..64) person:text(1..64)? methods:text(1..40)? language:text(1..10)?", "bool",
     "Add a user; methods out of cert,password,token (default: all); language zh-CN (default) or en.",
     "添加用户；methods 为 cert、password、token 的组合（默认全部）；language 为 zh-CN（默认）或 en。", add},
    {"user.set", MODE_WRITE, "name:text(1..64) person:text(1..64)? methods:text(1..40)? language:text(1..10)?", "bool",
     "Change a user's person, methods or language; what is not given stays.",
     "修改用户的人员、登录方式或语言；未给出的保持不变。", set},
    {"user.list", MODE_READ, "after:text(1..64)? limit:int(1..1000)=1000",
     "[{name:text, person:text, lang:text, methods:text, admin:bool, disabled:bool, password:bool, tokens:int, "
     "certs:int}]",
     "List users by name, after a name.", "按名称列出用户，可从某名称之后开始。", list},
    {"user.token", MODE_WRITE, "name:text(1..64) label:text(1..100)", "{token:text}",
     "Make a token for a user; it is shown this once, so idem is refused. Lets its owner act as that user.",
     "为用户生成令牌；只显示这一次，因此不接受 idem。持有者即可以该用户身份操作。", token},
    {"user.token.revoke", MODE_WRITE, "name:text(1..64) label:text(1..100)", "bool", "Revoke a user's token.",
     "吊销用户的令牌。", token_revoke},
    {"user.password", MODE_WRITE, "name:text(1..64) password!:text(1..200)", "bool",
     "Set a user's password (8 to 200 characters); idem is refused.", "设置用户密码（8 至 200 个字符）；不接受 idem。",
     password},
    {"user.cert", MODE_WRITE, "name:text(1..64) fingerprint:text(64..95) label:text(1..100)=cert", "bool",
     "Let a user sign in with the certificate of this SHA-256 fingerprint.", "允许用户用该 SHA-256 指纹的证书登录。",
     cert},
    {"user.cert.revoke", MODE_WRITE, "name:text(1..64) fingerprint:text(64..95)", "bool",
     "Revoke a user's certificate for good.", "永久吊销用户的证书。", cert_revoke},
    {"user.disable", MODE_WRITE, "name:text(1..64)", "bool", "Shut a user out; its next request is refused.",
     "停用用户；其下一个请求即被拒绝。", disable},
    {"user.enable", MODE_WRITE, "name:text(1..64)", "bool", "Let a disabled user in again.", "重新启用用户。", enable},
    {0},
};
