/* Decisions: may this identity use this command on these units, and what may it see while it does? */
#ifndef MUSTER_ACCESS_DECIDE_H
#define MUSTER_ACCESS_DECIDE_H

#include "access/identity.h"

/* One unit argument of a request. */
struct unit_ref {
    const char *arg; /* name of the argument, for the refusal */
    struct slice code;
    const char *path; /* NULL: there is no such unit */
};

struct question {
    const struct command *command;
    const char *figure; /* name of the figure that figure.get asks for: a grant that reads it is enough; or NULL */
    const struct unit_ref *units;
    int nunits;
};

/* 0 and the scope (a path that lives as long as the identity), or ERR_NOPERM (rule "access.permission"), ERR_SCOPE
 * (rule "access.scope", or "access.scope_unclear" when the grants have no widest one and no unit was named),
 * ERR_NOTFOUND (a unit that does not exist, said only to those who may see everything). Pure. */
int access_decide(const struct identity *id, const struct question *q, const char **scope, struct err *err);
/* May everybody who is signed in use it, whatever the roles? A few commands of the host that tell nothing about
 * anybody's data, and pure ones. */
bool access_open_to_all(const struct command *command);
/* May this identity set `at` for a command that runs with this scope? */
bool access_may_backdate(const struct identity *id, const char *scope);
/* May this identity read the figure at all, whatever the unit? */
bool access_may_figure(const struct identity *id, const char *figure);
/* Say the decision in words, one sentence a step, the verdict last. `lang`: "zh-CN" or English. */
void access_explain(const struct identity *id, const struct question *q, const char *lang,
                    void (*step)(void *arg, const char *text), void *arg);

/* Patterns: "fund.give", "fund.*", "*", each also with "read:" in front, and "backdate". 0, or ERR_ARG (rule
 * "role.pattern"). */
int pattern_check(struct slice pattern, struct err *err);
bool pattern_matches(const char *pattern, const char *name, bool write);

/* Does the subtree `outer` (a path, ends in '/') hold `inner`? */
bool path_contains(const char *outer, const char *inner);

#endif
