#include "access/decide.h"

#include <stdio.h>
#include <string.h>

/* A decision looks at two things in turn. Permission: does any grant's pattern match the command? Scope: which of the
 * matching grants gives the subtree in which it runs? With unit arguments it is the widest grant that holds all of
 * them; without, the one grant that holds all the others. A unit that does not exist is refused exactly as one that
 * lies elsewhere, so that nobody can learn by asking which units there are; only who sees everything is told.
 *
 * Commands that are open to all are asked neither: a few of the host, and pure ones, which read and write nothing.
 *
 * An administrator is as one who holds `*` and `backdate` on everything. */

/* Commands of the host that tell nothing about anybody's data. */
static const char *const everybodys[] = {"limits", "plugin.list", "figure.list", NULL};

bool access_open_to_all(const struct command *command)
{
    if (!command->native || command->pure)
        return command->pure;
    for (int i = 0; everybodys[i]; i++) {
        if (strcmp(command->name, everybodys[i]) == 0)
            return true;
    }
    return false;
}

static bool is_figure_get(const struct command *command)
{
    return command->native && strcmp(command->name, "figure.get") == 0;
}

/* -- patterns -- */

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

int pattern_check(struct slice pattern, struct err *err)
{
    struct slice rest = pattern;
    if (slice_is(pattern, "backdate"))
        return 0;
    if (rest.len > 5 && memcmp(rest.data, "read:", 5) == 0)
        rest = (struct slice){rest.data + 5, rest.len - 5};
    bool good = rest.len > 0 && rest.len <= 100;
    bool at_word = true; /* a word or a star must begin here */
    for (size_t i = 0; good && i < rest.len; i++) {
        char c = rest.data[i];
        if (c == '*')
            good = at_word && i + 1 == rest.len;
        else if (c == '.')
            good = !at_word && i + 1 < rest.len;
        else
            good = word_char(c);
        at_word = c == '.';
    }
    if (good)
        return 0;
    return err_rule(err, ERR_ARG, "role.pattern", "grants",
                    "%.*s is no grant: write a command's name, \"plugin.*\" or \"*\", with \"read:\" in front for its "
                    "reading commands only, or \"backdate\"",
                    (int)(pattern.len > 100 ? 100 : pattern.len), pattern.data ? pattern.data : "");
}

bool pattern_matches(const char *pattern, const char *name, bool write)
{
    if (strncmp(pattern, "read:", 5) == 0) {
        if (write)
            return false;
        pattern += 5;
    } else if (strcmp(pattern, "backdate") == 0) {
        return false;
    }
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*')
        return strncmp(pattern, name, len - 1) == 0;
    return strcmp(pattern, name) == 0;
}

bool path_contains(const char *outer, const char *inner)
{
    return strncmp(outer, inner, strlen(outer)) == 0;
}

/* -- permission -- */

static bool grant_allows(const struct grant *g, const struct question *q)
{
    return pattern_matches(g->pattern, q->command->name, q->command->mode != MODE_READ) ||
           (q->figure && pattern_matches(g->pattern, q->figure, false));
}

bool identity_may(const struct identity *id, const struct command *command)
{
    /* Whether figure.get is allowed depends on the figure, which is not known yet. */
    if (id->admin || access_open_to_all(command) || is_figure_get(command))
        return true;
    struct question q = {.command = command};
    for (int i = 0; i < id->ngrants; i++) {
        if (grant_allows(&id->grants[i], &q))
            return true;
    }
    return false;
}

bool access_may_figure(const struct identity *id, const char *figure)
{
    for (int i = 0; i < id->ngrants; i++) {
        if (pattern_matches(id->grants[i].pattern, figure, false) ||
            pattern_matches(id->grants[i].pattern, "figure.get", false))
            return true;
    }
    return id->admin;
}

bool access_may_backdate(const struct identity *id, const char *scope)
{
    for (int i = 0; i < id->ngrants; i++) {
        if (strcmp(id->grants[i].pattern, "backdate") == 0 && path_contains(id->grants[i].path, scope))
            return true;
    }
    return id->admin;
}

static int no_permission(const struct identity *id, const struct question *q, struct err *err)
{
    return err_rule(err, ERR_NOPERM, "access.permission", NULL,
                    "no role of %s allows %s; an administrator sees with acl.why which role would", id->name,
                    q->figure ? q->figure : q->command->name);
}

/* -- scope -- */

/* A unit the grant at `path` does not reach, or NULL. */
static const struct unit_ref *beyond(const char *path, const struct question *q)
{
    for (int i = 0; i < q->nunits; i++) {
        if (!q->units[i].path || !path_contains(path, q->units[i].path))
            return &q->units[i];
    }
    return NULL;
}

/* The widest grant that allows the command and reaches every unit named, or NULL; `any` tells whether one allows it at
 * all, `refused` a unit that was out of reach. */
static const struct grant *widest(const struct identity *id, const struct question *q, bool *any,
                                  const struct unit_ref **refused)
{
    const struct grant *best = NULL;
    *any = false;
    for (int i = 0; i < id->ngrants; i++) {
        const struct grant *g = &id->grants[i];
        if (!grant_allows(g, q))
            continue;
        *any = true;
        const struct unit_ref *out = beyond(g->path, q);
        if (out)
            *refused = out;
        else if (!best || strlen(g->path) < strlen(best->path))
            best = g;
    }
    return best;
}

static bool sees_everything(const struct identity *id, const struct question *q)
{
    for (int i = 0; i < id->ngrants; i++) {
        if (strcmp(id->grants[i].path, "/") == 0 && grant_allows(&id->grants[i], q))
            return true;
    }
    return id->admin;
}

static bool takes_unit(const struct command *command)
{
    for (int i = 0; i < command->nargs; i++) {
        if (command->args[i].type == ARG_UNIT)
            return true;
    }
    return false;
}

static int scope_unclear(const struct identity *id, const struct question *q, struct err *err)
{
    int rv;
    if (takes_unit(q->command))
        rv =
            err_rule(err, ERR_SCOPE, "access.scope_unclear", "unit",
                     "%s may use %s on several units apart from each other; name the unit", id->name, q->command->name);
    else
        rv = err_rule(err, ERR_SCOPE, "access.scope_unclear", NULL,
                      "%s may use %s on several units apart from each other, and it takes no unit; a grant on a unit "
                      "above them is needed",
                      id->name, q->command->name);
    size_t len = 0;
    for (int i = 0; err && i < id->ngrants; i++) {
        const struct grant *g = &id->grants[i];
        size_t room = sizeof(err->allowed) - len;
        if (g->unit && grant_allows(g, q) && strlen(g->unit) + 2 < room)
            len += (size_t)snprintf(err->allowed + len, room, "%s%s", len ? "," : "", g->unit);
    }
    return rv;
}

static int out_of_scope(const struct identity *id, const struct question *q, const struct unit_ref *unit,
                        struct err *err)
{
    int len = (int)(unit->code.len > 100 ? 100 : unit->code.len);
    if (!unit->path && sees_everything(id, q))
        return err_rule(err, ERR_NOTFOUND, "unit.unknown", unit->arg, "there is no unit %.*s", len, unit->code.data);
    return err_rule(err, ERR_SCOPE, "access.scope", unit->arg, "unit %.*s is outside of what %s may reach with %s", len,
                    unit->code.data, id->name, q->command->name);
}

static int decide_admin(const struct identity *id, const struct question *q, const char **scope, struct err *err)
{
    const struct unit_ref *missing = beyond("/", q);
    if (missing)
        return out_of_scope(id, q, missing, err);
    *scope = "/";
    return 0;
}

int access_decide(const struct identity *id, const struct question *q, const char **scope, struct err *err)
{
    if (id->admin || (access_open_to_all(q->command) && q->nunits == 0))
        return decide_admin(id, q, scope, err);
    bool any;
    const struct unit_ref *refused = NULL;
    const struct grant *best = widest(id, q, &any, &refused);
    if (!any)
        return no_permission(id, q, err);
    if (!best)
        return out_of_scope(id, q, refused, err);
    if (q->nunits == 0) {
        for (int i = 0; i < id->ngrants; i++) {
            if (grant_allows(&id->grants[i], q) && !path_contains(best->path, id->grants[i].path))
                return scope_unclear(id, q, err);
        }
    }
    *scope = best->path;
    return 0;
}
