#include "access/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The words of `acl.why`: the same facts that access_decide looks at, told one by one. The verdict at the end is
 * access_decide's own, so that the story cannot end otherwise than the decision does. */

struct story {
    bool chinese;
    void (*step)(void *arg, const char *text);
    void *arg;
};

/* `en` and `zh` take the same arguments in the same order. */
static void tell(const struct story *t, const char *en, const char *zh, ...)
{
    char text[800];
    va_list ap;
    va_start(ap, zh);
    vsnprintf(text, sizeof(text), t->chinese ? zh : en, ap);
    va_end(ap);
    t->step(t->arg, text);
}

static void tell_grant(const struct story *t, const struct grant *g, const struct question *q)
{
    const char *name = q->command->name;
    const char *unit = g->unit ? g->unit : t->chinese ? "全部单位" : "everything";
    bool yes = pattern_matches(g->pattern, name, q->command->mode != MODE_READ) ||
               (q->figure && pattern_matches(g->pattern, q->figure, false));
    if (!yes) {
        tell(t, "role %s on %s: its grant %s does not cover %s", "角色 %s（%s）：授权 %s 不包括 %s", g->role, unit,
             g->pattern, name);
        return;
    }
    tell(t, "role %s on %s: its grant %s covers %s", "角色 %s（%s）：授权 %s 包括 %s", g->role, unit, g->pattern, name);
    for (int i = 0; i < q->nunits; i++) {
        const struct unit_ref *u = &q->units[i];
        int len = (int)u->code.len;
        if (u->path && path_contains(g->path, u->path))
            tell(t, "unit %.*s lies inside %s", "单位 %.*s 在 %s 之内", len, u->code.data, g->path);
        else
            tell(t, "unit %.*s does not lie inside %s", "单位 %.*s 不在 %s 之内", len, u->code.data, g->path);
    }
}

void access_explain(const struct identity *id, const struct question *q, const char *lang,
                    void (*step)(void *arg, const char *text), void *arg)
{
    struct story t = {strcmp(lang, "zh-CN") == 0, step, arg};
    if (id->admin)
        tell(&t, "%s is an administrator: every command, on every unit", "%s 是管理员：可以对所有单位使用所有命令",
             id->name);
    else if (access_open_to_all(q->command))
        tell(&t, "%s is open to everybody who is signed in: it reads and changes nobody's data",
             "%s 对所有已登录用户开放：不读取也不改动任何数据", q->command->name);
    else if (id->ngrants == 0)
        tell(&t, "%s holds no role", "%s 没有任何角色", id->name);
    for (int i = 0; i < id->ngrants; i++)
        tell_grant(&t, &id->grants[i], q);
    for (int i = 0; i < q->nunits; i++) {
        if (!q->units[i].path)
            tell(&t, "there is no unit %.*s", "单位 %.*s 不存在", (int)q->units[i].code.len, q->units[i].code.data);
    }
    struct err err = {0};
    const char *scope = NULL;
    if (access_decide(id, q, &scope, &err) == 0)
        tell(&t, "so %s is allowed, within %s", "所以允许 %s，范围是 %s", q->command->name, scope);
    else
        tell(&t, "so %s is refused: %s %s", "所以拒绝 %s：%s %s", q->command->name, err_token(err.code), err.text);
}
