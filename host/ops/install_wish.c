#include "ops/install_stage.h"

#include "plugin/live.h"
#include "plugin/version.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a wish makes of the set that runs. Here are the rules of each kind: that an upgrade goes up, that what others need
 * stays, that one can only go back to what is still there. */

/* -- packages -- */

static int compare_versions(const struct set_plugin *old, const struct package_row *p, int *out, struct err *err)
{
    struct version a, b;
    int rv = version_parse(slice_of(old->version), &a, err);
    if (rv == 0)
        rv = version_parse(slice_of(p->version), &b, err);
    if (rv == 0)
        *out = version_compare(&b, &a);
    return rv;
}

static int check_package(const struct stage_wish *wish, const struct set_plugin *old, const struct package_row *p,
                         bool asked_for, struct err *err)
{
    int order = 0;
    if (asked_for && old && !old->off && wish->kind == STAGE_INSTALL && strcmp(old->version, p->version) != 0)
        return err_rule(err, ERR_STATE, "plugin.present", NULL, "%s %s is installed already; use upgrade", p->name,
                        old->version);
    if (asked_for && !old && wish->kind != STAGE_INSTALL)
        return err_rule(err, ERR_NOTFOUND, "plugin.absent", NULL, "%s is not installed; use install", p->name);
    if (!old || !old->version[0])
        return 0;
    int rv = compare_versions(old, p, &order, err);
    if (rv == 0 && order < 0 && wish->kind != STAGE_ROLLBACK)
        rv = err_rule(err, ERR_POLICY, "plugin.downgrade", NULL,
                      "%s %s is older than %s, which is installed; to go back use `muster plugin rollback`, with its "
                      "name or with this file",
                      p->name, p->version, old->version);
    if (rv == 0 && order > 0 && asked_for && wish->kind == STAGE_ROLLBACK)
        rv = err_rule(err, ERR_STATE, "plugin.newer", NULL, "%s %s is newer than %s, which is installed; use upgrade",
                      p->name, p->version, old->version);
    if (rv == 0 && order == 0 && !(old->package_hash && strcmp(old->package_hash, p->hash) == 0))
        rv = err_rule(err, ERR_CONFLICT, "plugin.same_version", NULL,
                      "%s %s is here already with other content; give what is new a new version", p->name, p->version);
    return rv;
}

static int add_packages(const struct stage_wish *wish, const struct set *base, const struct package_row *packages,
                        int npackages, struct set *next, struct err *err)
{
    int rv = npackages ? 0 : err_rule(err, ERR_ARG, "arg.required", "package", "which package?");
    for (int i = 0; rv == 0 && i < npackages; i++) {
        const struct package_row *p = &packages[i];
        const struct set_plugin *old = set_find(base, p->name);
        const bool stays_off = old && old->off && strcmp(old->off, OFF_DISABLED) == 0;
        rv = check_package(wish, old, p, i == 0, err);
        const struct set_plugin fresh = {
            .name = (char *)(uintptr_t)p->name,
            .version = (char *)(uintptr_t)p->version,
            .hash = "",
            .folder = (char *)(uintptr_t)p->folder,
            .package_hash = (char *)(uintptr_t)p->hash,
            .signer = (char *)(uintptr_t)p->signer,
            .asks = "",
            .off = stays_off ? old->off : NULL, /* somebody wanted that; quarantine and the like end here */
        };
        set_put(next, &fresh);
    }
    return rv;
}

/* -- turning on and off -- */

static int find_named(const struct stage_wish *wish, const struct set *base, const struct set_plugin **out,
                      struct err *err)
{
    if (!wish->name)
        return err_rule(err, ERR_ARG, "arg.required", "name", "which plugin?");
    *out = set_find(base, wish->name);
    return *out ? 0
                : err_rule(err, ERR_NOTFOUND, "plugin.absent", "name",
                           "there is no plugin %s; plugin.list shows what there is", wish->name);
}

/* Who runs and requires it? */
static int check_not_needed(const struct calls *c, const char *name, struct err *err)
{
    const struct plugin *const *plugins;
    char who[300] = "";
    size_t len = 0;
    int count = registry_plugins(c->registry, &plugins);
    for (int i = 0; i < count; i++)
        if (registry_requires(c->registry, plugins[i]->name, name) && len < sizeof(who))
            len += (size_t)snprintf(who + len, sizeof(who) - len, "%s%s", len ? ", " : "", plugins[i]->name);
    return len == 0 ? 0
                    : err_rule(err, ERR_POLICY, "plugin.required", "name", "%s is required by %s; turn that off first",
                               name, who);
}

static int disable(const struct calls *c, const struct stage_wish *wish, const struct set *base, struct set *next,
                   struct err *err)
{
    const struct set_plugin *p;
    int rv = find_named(wish, base, &p, err);
    if (rv == 0)
        rv = check_not_needed(c, wish->name, err);
    if (rv == 0)
        set_turn_off(next, wish->name, OFF_DISABLED);
    return rv;
}

static int enable(const struct stage_wish *wish, const struct set *base, struct set *next, struct err *err)
{
    const struct set_plugin *p;
    int rv = find_named(wish, base, &p, err);
    if (rv == 0 && p->off && strcmp(p->off, OFF_CONFIG) == 0)
        rv = err_rule(err, ERR_POLICY, "plugin.config", "name",
                      "%s is disabled by the configuration file; take it out of `disabled` there and start again",
                      wish->name);
    if (rv == 0 && p->folder)
        set_turn_off(next, wish->name, NULL);
    else if (rv == 0)
        set_remove(next, wish->name);
    return rv;
}

static int take_away(const struct calls *c, const struct stage_wish *wish, const struct set *base, struct set *next,
                     struct err *err)
{
    const struct set_plugin *p;
    int rv = find_named(wish, base, &p, err);
    if (rv == 0 && !p->folder)
        rv = err_rule(err, ERR_POLICY, "plugin.bundled", "name",
                      "%s came with the program and cannot be removed; it can be disabled", wish->name);
    if (rv == 0)
        rv = check_not_needed(c, wish->name, err);
    if (rv == 0)
        set_remove(next, wish->name);
    return rv;
}

/* -- going back -- */

static int check_there(const struct calls *c, const struct set_plugin *p, struct err *err)
{
    char path[1024];
    if (!p->folder || p->off)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", c->site->data_dir, p->folder);
    return access(path, F_OK) == 0
               ? 0
               : err_rule(err, ERR_NOTFOUND, "plugin.gone", NULL,
                          "%s %s is no longer on the shelf; `muster plugin rollback FILE` goes back with its package",
                          p->name, p->version);
}

/* The whole set of another generation. */
static int go_to(struct calls *c, int64_t number, struct set *next, struct err *err)
{
    struct set old;
    int rv = record_read(c->store, number, &old, err);
    if (rv == 0)
        rv = err_rule(err, ERR_NOTFOUND, "generation.absent", "to", "there is no generation %lld to go back to",
                      (long long)number);
    else if (rv == 1)
        rv = 0;
    for (int i = 0; rv == 0 && i < old.count; i++)
        rv = check_there(c, &old.plugins[i], err);
    while (rv == 0 && next->count)
        set_remove(next, next->plugins[0].name);
    for (int i = 0; rv == 0 && i < old.count; i++)
        set_put(next, &old.plugins[i]);
    next->previous = old.previous;
    set_close(&old);
    return rv;
}

/* Take one plugin as it was then; NULL: it was not there. */
static int take_then(const struct calls *c, const char *name, const struct set_plugin *then, struct set *next,
                     struct err *err)
{
    int rv = then ? check_there(c, then, err) : 0;
    if (rv == 0 && then)
        set_put(next, then);
    else if (rv == 0)
        set_remove(next, name);
    return rv;
}

/* One plugin as it was in another generation. */
static int go_to_one(struct calls *c, const struct stage_wish *wish, struct set *next, struct err *err)
{
    struct set old;
    int rv = record_read(c->store, wish->to, &old, err);
    if (rv == 0)
        rv = err_rule(err, ERR_NOTFOUND, "generation.absent", "to", "there is no generation %lld to go back to",
                      (long long)wish->to);
    else if (rv == 1)
        rv = take_then(c, wish->name, set_find(&old, wish->name), next, err);
    set_close(&old);
    return rv;
}

/* One plugin as it was when it last was different. */
static int go_back_one(struct calls *c, const struct stage_wish *wish, const struct set *base, struct set *next,
                       struct err *err)
{
    const struct set_plugin *now = set_find(base, wish->name);
    int64_t number = base->previous;
    int rv = 0;
    for (bool found = false; rv == 0 && !found;) {
        struct set old = {0};
        rv = number ? record_read(c->store, number, &old, err) : 0;
        if (rv == 0) {
            rv = err_rule(err, ERR_NOTFOUND, "generation.absent", "name",
                          "no earlier generation has another version of %s", wish->name);
        } else if (rv == 1) {
            const struct set_plugin *then = set_find(&old, wish->name);
            found = !set_same_plugin(now, then);
            rv = found ? take_then(c, wish->name, then, next, err) : 0;
        }
        number = old.previous;
        set_close(&old);
    }
    return rv;
}

static int go_back(struct calls *c, const struct stage_wish *wish, const struct set *base, struct set *next,
                   struct err *err)
{
    if (wish->name)
        return wish->to ? go_to_one(c, wish, next, err) : go_back_one(c, wish, base, next, err);
    int64_t to = wish->to ? wish->to : base->previous;
    if (to == 0)
        return err_rule(err, ERR_NOTFOUND, "generation.absent", NULL, "there is no generation before this one");
    return go_to(c, to, next, err);
}

/* The folders of what is being written are read again. Whoever was put into quarantine is tried again: its author has
 * saved something. */
static int reload(const struct calls *c, struct set *next, struct err *err)
{
    struct live live;
    if (!c->site->live_dir)
        return err_rule(err, ERR_STATE, "live.absent", "kind",
                        "nothing is being written on this server; `muster serve --dev DIR` starts one for that");
    int rv = live_find(c->site->live_dir, &live, err);
    for (int i = 0; rv == 0 && i < live.count; i++) {
        const struct set_plugin *p = set_find(next, live.plugins[i].name);
        if (p && p->off && strncmp(p->off, OFF_QUARANTINE, strlen(OFF_QUARANTINE)) == 0)
            set_turn_off(next, p->name, NULL);
    }
    return rv;
}

/* What came with the program has no folder: it is whatever is there now. Only its being off is remembered. */
static void forget_bundled(struct set *next)
{
    for (int i = next->count - 1; i >= 0; i--) {
        const struct set_plugin *p = &next->plugins[i];
        if (!p->folder && !p->off)
            set_remove(next, p->name);
        else if (p->off && strncmp(p->off, "requires ", 9) == 0)
            set_turn_off(next, p->name, NULL);
    }
    for (int i = next->count - 1; i >= 0; i--)
        if (!next->plugins[i].folder && !next->plugins[i].off)
            set_remove(next, next->plugins[i].name);
}

/* What the configuration has turned off stays off until a start without that, whatever set is gone to. */
static void keep_configured(const struct set *base, struct set *next)
{
    for (int i = 0; i < base->count; i++) {
        const struct set_plugin *p = &base->plugins[i];
        if (p->off && strcmp(p->off, OFF_CONFIG) == 0 && (set_find(next, p->name) || !p->folder))
            set_turn_off(next, p->name, OFF_CONFIG);
    }
}

int stage_compose(struct calls *c, const struct stage_wish *wish, const struct set *base,
                  const struct package_row *packages, int npackages, struct set *next, struct err *err)
{
    int rv;
    set_copy(base, next);
    switch (wish->kind) {
    case STAGE_INSTALL:
    case STAGE_UPGRADE:
        rv = add_packages(wish, base, packages, npackages, next, err);
        break;
    case STAGE_ENABLE:
        rv = enable(wish, base, next, err);
        break;
    case STAGE_DISABLE:
        rv = disable(c, wish, base, next, err);
        break;
    case STAGE_REMOVE:
        rv = take_away(c, wish, base, next, err);
        break;
    case STAGE_RELOAD:
        rv = reload(c, next, err);
        break;
    default:
        rv = npackages ? add_packages(wish, base, packages, npackages, next, err) : go_back(c, wish, base, next, err);
    }
    if (rv == 0)
        forget_bundled(next);
    if (rv == 0)
        keep_configured(base, next);
    return rv;
}
