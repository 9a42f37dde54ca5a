#include "ops/commands.h"

#include "access/audit.h"
#include "ops/guard.h"
#include "wire/reply.h"

/* Looking at the audit chain, and proving it. */

/* Time left for the reply when the proof is cut short. */
static const uint64_t reserve_ns = 200000000;

static int tail(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = guard_whole_server(call, err);
    return rv ? rv : audit_tail(call->store, (int)args[0].i, reply, err);
}

static int verify(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct audit_check check = {
        .from = args[0].type == VALUE_NULL ? 0 : args[0].i,
        .max_rows = args[1].type == VALUE_NULL ? 0 : args[1].i,
        .until_ns = call->deadline_ns > reserve_ns ? call->deadline_ns - reserve_ns : call->deadline_ns,
    };
    int rv = guard_whole_server(call, err);
    if (rv == 0)
        rv = audit_verify(call->store, &check, err);
    if (rv)
        return rv;
    reply_map_open(reply);
    reply_key_bool(reply, "ok", check.broken == 0);
    reply_key_bool(reply, "complete", check.complete);
    reply_key_int(reply, "rows", check.rows);
    reply_key_int(reply, "last", check.last);
    reply_key(reply, "broken");
    if (check.broken)
        reply_int(reply, check.broken);
    else
        reply_null(reply);
    reply_key_cstr(reply, "reason", check.reason);
    reply_key_cstr(reply, "head", check.head);
    reply_close(reply);
    return 0;
}

const struct native_command audit_commands[] = {
    {"audit.tail", MODE_READ, "limit:int(1..1000)=20",
     "[{id:int, received_at:instant, at:instant, user:text, fingerprint:text, command:text, args:text, "
     "generation:int, duration_us:int, "
     "outcome:text}]",
     "Show the last accepted writes, newest first.", "显示最近被接受的写入，最新的在前。", tail},
    {"audit.verify", MODE_READ, "from:int(1..)? limit:int(1..)?",
     "{ok:bool, complete:bool, rows:int, last:int, broken:int, reason:text, head:text}",
     "Prove the chain of accepted writes; when complete is false, go on with from = last + 1. Keep head "
     "elsewhere to prove the past later.",
     "校验写入链；complete 为 false 时用 from = last + 1 继续。把 head 另行保存，以后可证明过去。", verify},
    {0},
};
