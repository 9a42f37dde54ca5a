#include "ops/commands.h"

#include "ops/install_commands.h"
#include "plugin/args.h"

/* What is installed, how it is set, and what the server allows. */

static int limits(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    (void)args;
    (void)err;
    const struct calls *c = calls_of(call);
    reply_array_open(reply);
    for (int i = 0; i < c->nlimit_rows; i++) {
        const struct limit_row *row = &c->limit_rows[i];
        reply_map_open(reply);
        reply_key_cstr(reply, "name", row->name);
        reply_key_int(reply, "value", row->value);
        reply_key_cstr(reply, "unit", row->unit);
        reply_key_cstr(reply, "phase", row->phase);
        reply_close(reply);
    }
    reply_close(reply);
    return 0;
}

/* -- settings -- */

static int stored_value(struct call *call, const struct setting *s, struct buf *keep, struct value *out,
                        struct err *err)
{
    struct value args[] = {value_cstr(s->plugin), value_cstr(s->name)};
    return store_value(call->store, NULL, SLICE("SELECT value FROM muster_setting WHERE plugin = ? AND name = ?"), args,
                       2, out, keep, err);
}

static int write_setting(struct call *call, const struct setting *s, struct reply *reply, struct err *err)
{
    struct buf keep = {0};
    struct value value;
    int rv = stored_value(call, s, &keep, &value, err);
    if (rv >= 0) {
        reply_map_open(reply);
        reply_key_cstr(reply, "plugin", s->plugin);
        reply_key_cstr(reply, "name", s->name);
        reply_key_cstr(reply, "type", s->type.spec);
        reply_key(reply, "value");
        if (rv == 1)
            reply_value(reply, &value);
        else
            reply_cstr(reply, s->type.default_text);
        reply_key_bool(reply, "set", rv == 1);
        reply_key_cstr(reply, "default", s->type.default_text);
        reply_key_cstr(reply, "summary", in_chinese(call) && s->summary_zh ? s->summary_zh : s->summary_en);
        reply_close(reply);
    }
    buf_close(&keep);
    return rv < 0 ? rv : 0;
}

static int setting_list(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct setting *const *settings;
    int count = registry_settings(calls_of(call)->registry, &settings);
    int rv = guard_whole_server(call, err);
    if (rv)
        return rv;
    reply_array_open(reply);
    for (int i = 0; rv == 0 && i < count; i++) {
        if (args[0].type == VALUE_NULL || slice_is(args[0].s, settings[i]->plugin))
            rv = write_setting(call, settings[i], reply, err);
    }
    reply_close(reply);
    return rv;
}

static int check_value(const struct setting *s, struct slice text, struct err *err)
{
    struct buf scratch = {0};
    struct value ignored;
    int rv = arg_value(&s->type, text, &scratch, &ignored, err);
    buf_close(&scratch);
    return rv;
}

static int setting_set(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct setting *s = registry_setting(calls_of(call)->registry, args[0].s, args[1].s);
    int rv = guard_whole_server(call, err);
    if (rv == 0 && !s)
        rv = err_rule(err, ERR_NOTFOUND, "setting.unknown", "name",
                      "plugin %.*s has no setting %.*s; setting.list shows them", (int)args[0].s.len, args[0].s.data,
                      (int)args[1].s.len, args[1].s.data);
    bool reset = args[2].type == VALUE_NULL;
    if (rv == 0 && !reset)
        rv = check_value(s, args[2].s, err);
    if (rv)
        return rv;
    if (reset) {
        struct value key[] = {args[0], args[1]};
        rv = store_run(call->store, "DELETE FROM muster_setting WHERE plugin = ? AND name = ?", key, 2, err);
    } else {
        struct value row[] = {args[0], args[1], args[2], value_int(call->now_ms)};
        rv = store_run(
            call->store,
            "INSERT INTO muster_setting(plugin, name, value, changed_at) VALUES(?, ?, ?, ?) ON CONFLICT(plugin, name)"
            " DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            row, 4, err);
    }
    if (rv == 0)
        reply_bool(reply, true);
    return rv;
}

const struct native_command plugin_commands[] = {
    {"plugin.list", MODE_READ, "",
     "[{name:text, version:text, state:text, why:text, origin:text, trust:text, signer:text, requires:[text],"
     " commands:int, figures:int, calls:int, errors:int, run_us:int, memory_peak:int, sha256:text, summary:text}]",
     "List the plugins.", "列出插件。", install_list},
    {"plugin.show", MODE_READ, "name:text(1..60)",
     "{name:text, version:text, state:text, why:text, origin:text, folder:text, trust:text, signer:text,"
     " requires:[text], required_by:[text], asks:[text], health:text, sha256:text, package_sha256:text,"
     " commands:[text], figures:[text], counters:any, summary:text}",
     "Show one plugin: where it came from, what it may do, what it has cost.", "显示一个插件：来源、权限与运行开销。",
     install_show},
    {"plugin.generations", MODE_READ, "limit:int(1..500)=20",
     "[{generation:int, at:instant, user:text, reason:text, state:text, why:text, changed_at:instant, previous:int,"
     " running:bool, plugins:[{name:text, version:text, origin:text, off:text}]}]",
     "List the generations (sets of plugins), newest first.", "列出各代插件组合，最新在前。", install_generations},
    {"plugin.upload", MODE_SLOW, "package:blob(1..6291456)", "{name:text, version:text, sha256:text, signer:text}",
     "Check a package and keep it for plugin.stage.", "校验软件包并暂存，供 plugin.stage 使用。", install_upload},
    {"plugin.stage", MODE_SLOW,
     "kind:enum(install|upgrade|rollback|enable|disable|remove|reload) package:blob(1..6291456)? uploaded:text(64)[](1..50)?"
     " name:text(1..60)? to:int(1..)?",
     "{stage:int, base:int, changes:[{name:text, from:text, to:text, origin:text, signer:text, sha256:text,"
     " trust:text, asks:[text], added:[text]}], migrations:[{plugin:text, migration:text, action:text, back:text}],"
     " migrations_ms:int, commands_added:[text], commands_removed:[text], commands_changed:[text], warnings:[text]}",
     "Work out and try a change of plugins on a copy, and offer it to plugin.activate; nothing changes yet.",
     "在副本上推演并试运行一次插件变更，供 plugin.activate 启用；此时尚无任何改变。", install_stage},
    {"plugin.rehearse", MODE_SLOW, "stage:int(1..) last:int(0..10000)=1000",
     "{played:int, refused:int, skipped:[{command:text, calls:int, why:text}], changed:[{id:int, user:text, command:text, args:text,"
     " before:text, after:text}], changes:int, grants:[{user:text, command:text, before:bool, after:bool}],"
     " commands:[{command:text, calls:int, changed:int, before_us:int, after_us:int}]}",
     "Play the last accepted writes on copies, by the plugins that run and by a staged change, and tell what differs.",
     "在副本上以现行插件和已推演的变更分别重演最近的写命令，并列出差异。", install_rehearse},
    {"plugin.withdraw", MODE_SLOW, "stage:int(1..)", "bool", "Forget a staged change, and its packages.",
     "撤回已推演的变更及其软件包。", install_withdraw},
    {"plugin.activate", MODE_WRITE, "stage:int(1..) accept:text(1..200)[](0..200)?",
     "{generation:int, state:text, probation_ms:int}",
     "Carry a staged change out; what it adds must be named in accept.",
     "启用已推演的变更；新增的权限须在 accept 中逐项列明。", install_activate},
    {"plugin.settle", MODE_WRITE, "generation:int(1..) why:text(1..1000)?", "bool",
     "Say that a generation has proved itself, or why it has not and runs on: the host alone does.",
     "确认某代插件组合运行正常，或注明其为何异常而仍在运行（仅由主机自身执行）。", install_settle},
    {"plugin.verify", MODE_SLOW, "name:text(1..60)?", "[{name:text, version:text, ok:bool, why:text}]",
     "Compare the plugins' files with what was installed.", "核对插件文件与安装时是否一致。", install_verify_all},
    {"plugin.tables", MODE_READ, "name:text(1..60)", "[{table:text, rows:int}]",
     "List a plugin's tables, of one that was removed, too.", "列出一个插件的数据表，已卸载的也可以。", install_tables},
    {"plugin.purge", MODE_WRITE, "name:text(1..60)", "{tables:int}",
     "Drop the tables of a plugin that is not installed any more.", "删除已卸载插件的数据表。", install_purge},
    {"plugin.keys", MODE_READ, "", "[{name:text, key_id:text, native:bool}]",
     "List the keys whose packages may be installed.", "列出可信任的签名公钥。", install_keys},
    {"limits", MODE_READ, "", "[{name:text, value:int, unit:text, phase:text}]", "Show every limit of this server.",
     "显示本服务器的所有限制。", limits},
    {"setting.list", MODE_READ, "plugin:text(1..60)?",
     "[{plugin:text, name:text, type:text, value:text, set:bool, default:text, summary:text}]",
     "List the plugins' settings.", "列出插件的设置。", setting_list},
    {"setting.set", MODE_WRITE, "plugin:text(1..60) name:text(1..60) value:text(0..4000)?", "bool",
     "Change a plugin's setting; without value: back to the default.", "修改插件的设置；不给 value 则恢复默认值。",
     setting_set},
    {0},
};
