#include "cli/plugin_resolve.h"

#include "plugin/package.h"
#include "plugin/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A search with backtracking: take the first requirement that does not hold; try the versions of the plugin it names that
 * it would accept, newest first; then newer versions of the one that requires it, if that is not settled. Each choice is
 * settled for what follows. The sets are small: a few dozen plugins with a few versions each. The explanation is of the
 * first dead end, for that is the one on the straight way. */

#define UNPACKED "muster-package-" /* … PID-XXXXXX, in /tmp */

enum { DEPTH_MAX = 64, STEPS_MAX = 100000 };

struct search {
    struct offers *o;
    struct err why; /* of the first dead end */
    int depth, steps;
};

void offers_close(struct offers *o)
{
    for (int i = 0; i < o->count; i++)
        free(o->list[i].path);
    free(o->list);
    *o = (struct offers){0};
}

/* -- taking them in -- */

static struct offer *add(struct offers *o, const char *name, const char *version, struct err *err)
{
    struct version parsed;
    if (o->count == OFFERS_MAX) {
        err_rule(err, ERR_LIMIT, "plugin.offers", NULL, "more than %d packages to choose from", OFFERS_MAX);
        return NULL;
    }
    if (version_parse(slice_of(version), &parsed, err) != 0)
        return NULL;
    o->list = mem_realloc(o->list, (size_t)(o->count + 1) * sizeof(*o->list));
    struct offer *offer = &o->list[o->count++];
    *offer = (struct offer){.parsed = parsed};
    snprintf(offer->name, sizeof(offer->name), "%s", name);
    snprintf(offer->version, sizeof(offer->version), "%s", version);
    return offer;
}

static void add_need(struct offer *offer, const char *name, size_t len, const char *range)
{
    if (offer->nneeds == NEEDS_MAX)
        return;
    snprintf(offer->needs[offer->nneeds].name, 64, "%.*s", (int)len, name);
    snprintf(offer->needs[offer->nneeds].range, 100, "%s", range && *range ? range : "*");
    offer->nneeds++;
}

int offers_add_running(struct offers *o, const char *name, const char *version, const char *const *needs, int nneeds,
                       struct err *err)
{
    struct offer *offer = add(o, name, version, err);
    for (int i = 0; offer && i < nneeds; i++) {
        size_t len = strcspn(needs[i], " ");
        add_need(offer, needs[i], len, needs[i][len] ? needs[i] + len + 1 : "*");
    }
    return offer ? 0 : err->code;
}

static int read_needs(struct offer *offer, const char *folder, struct err *err)
{
    struct registry *r = NULL;
    int rv = package_manifest(offer->name, folder, &r, err);
    const struct plugin *p = rv == 0 ? registry_plugin(r, slice_of(offer->name)) : NULL;
    for (int i = 0; p && p->requires[i]; i++)
        add_need(offer, p->requires[i], strlen(p->requires[i]), p -> requires_ranges ? p -> requires_ranges[i] : "*");
    registry_unref(r);
    return rv;
}

int package_read(const char *path, struct buf *out, struct err *err)
{
    char chunk[65536];
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_rule(err, ERR_NOTFOUND, "package.file", NULL, "%s: %s; name files NAME-VERSION.muster", path,
                        strerror(errno));
    int rv = 0;
    for (size_t n; rv == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;) {
        buf_append(out, chunk, n);
        if (out->len > PACKAGE_BYTES_MAX)
            rv = err_rule(err, ERR_POLICY, "package.size", NULL, "%s: a package has at most %zu bytes", path,
                          PACKAGE_BYTES_MAX);
    }
    if (rv == 0 && ferror(f))
        rv = err_rule(
            err, ERR_ARG, "package.file", NULL,
            errno == EISDIR ? "%s is a folder; `muster plugin pack` makes a package of it" : "%s cannot be read", path);
    fclose(f);
    return rv;
}

/* The manifest can be read only where it is a file: unpack for a moment. The server judges signatures. */
static int unpack_and_read(struct offers *o, const char *path, struct slice bytes, bool chosen, struct err *err)
{
    char dir[64], to[80];
    struct package_info info = {0};
    struct err ignored = {0};
    folder_stale("/tmp", UNPACKED, true); /* of processes that were killed */
    snprintf(dir, sizeof(dir), "/tmp/" UNPACKED "%d-XXXXXX", (int)getpid());
    if (!mkdtemp(dir))
        return err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    snprintf(to, sizeof(to), "%s/plugin", dir);
    int rv = package_unpack(bytes, NULL, false, to, &info, err);
    struct offer *offer = rv == 0 ? add(o, info.name, info.version, err) : NULL;
    if (offer) {
        snprintf(offer->hash, sizeof(offer->hash), "%s", info.hash);
        offer->path = mem_dup(path);
        offer->chosen = chosen;
        rv = read_needs(offer, to, err);
        if (rv != 0)
            free(o->list[--o->count].path); /* it is the last: no offer after all */
    } else if (rv == 0) {
        rv = err->code;
    }
    folder_remove(dir, &ignored);
    package_info_close(&info);
    return rv;
}

int offers_add_file(struct offers *o, const char *path, bool chosen, struct err *err)
{
    struct buf bytes = {0};
    int rv = package_read(path, &bytes, err);
    if (rv == 0)
        rv = unpack_and_read(o, path, buf_view(&bytes), chosen, err);
    buf_close(&bytes);
    return rv;
}

int offers_add_folder(struct offers *o, const char *dir, struct err *err)
{
    DIR *d = opendir(dir);
    int rv = d ? 0 : err_set(err, ERR_IO, "%s: %s", dir, strerror(errno));
    for (struct dirent *e; d && rv == 0 && (e = readdir(d));) {
        char path[1024];
        struct err why = {0};
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".muster") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        rv = offers_add_file(o, path, false, &why);
        if (rv != 0 && rv != ERR_LIMIT) {
            fprintf(stderr, "%s is left out: %s\n", path, why.text);
            rv = 0;
        } else if (rv != 0) {
            *err = why;
        }
    }
    if (d)
        closedir(d);
    return rv;
}

/* -- choosing -- */

/* What would run under this name now: the chosen, else what runs. */
static struct offer *effective(const struct offers *o, const char *name)
{
    struct offer *found = NULL;
    for (int i = 0; i < o->count; i++) {
        struct offer *offer = &o->list[i];
        if (strcmp(offer->name, name) == 0 && (offer->chosen || (!offer->path && !found)))
            found = offer;
        if (found && found->chosen)
            break;
    }
    return found;
}

static bool holds(const struct offers *o, const struct offer *who, int nth)
{
    const struct offer *other = effective(o, who->needs[nth].name);
    return other && range_holds(slice_of(who->needs[nth].range), &other->parsed);
}

/* The first requirement that does not hold. */
static struct offer *first_open(const struct offers *o, int *nth)
{
    for (int i = 0; i < o->count; i++) {
        struct offer *who = &o->list[i];
        if (effective(o, who->name) != who)
            continue;
        for (*nth = 0; *nth < who->nneeds; (*nth)++)
            if (!holds(o, who, *nth))
                return who;
    }
    return NULL;
}

static int explain(const struct offers *o, const struct offer *who, int nth, struct err *err)
{
    const char *name = who->needs[nth].name;
    char there[300] = "";
    size_t len = 0;
    for (int i = 0; i < o->count && len < sizeof(there); i++)
        if (strcmp(o->list[i].name, name) == 0)
            len += (size_t)snprintf(there + len, sizeof(there) - len, "%s%s%s", len ? ", " : "", o->list[i].version,
                                    !o->list[i].path    ? " (installed)"
                                    : o->list[i].chosen ? " (chosen)"
                                                        : "");
    const char *range = who->needs[nth].range;
    bool any = strcmp(range, "*") == 0;
    if (!len)
        return err_rule(err, ERR_NOTFOUND, "plugin.missing", NULL,
                        "%s %s requires %s%s%s, of which there is no package; put one into the folder of --from",
                        who->name, who->version, name, any ? "" : " ", any ? "" : range);
    return err_rule(err, ERR_STATE, "plugin.range", NULL, "%s %s requires %s %s; what there is: %s", who->name,
                    who->version, name, range, there);
}

static int solve(struct search *s);

/* Try the versions of `name` that `range` holds (NULL: all), newest first. */
static int try_versions(struct search *s, const char *name, const char *range)
{
    const struct offer *now = effective(s->o, name);
    struct version below = {.major = 1000000};
    if (now && now->chosen)
        return ERR_STATE;
    for (;;) {
        struct offer *best = NULL;
        for (int i = 0; i < s->o->count; i++) {
            struct offer *c = &s->o->list[i];
            if (c->path && strcmp(c->name, name) == 0 && version_compare(&c->parsed, &below) < 0 &&
                (!now || version_compare(&c->parsed, &now->parsed) > 0) &&
                (!range || range_holds(slice_of(range), &c->parsed)) &&
                (!best || version_compare(&c->parsed, &best->parsed) > 0))
                best = c;
        }
        if (!best)
            return ERR_STATE;
        best->chosen = true;
        if (solve(s) == 0)
            return 0;
        best->chosen = false;
        below = best->parsed;
    }
}

static int solve(struct search *s)
{
    int nth = 0;
    const struct offer *who = first_open(s->o, &nth);
    if (!who)
        return 0;
    if (s->depth == DEPTH_MAX || s->steps++ == STEPS_MAX)
        return ERR_STATE;
    s->depth++;
    int rv = try_versions(s, who->needs[nth].name, who->needs[nth].range);
    if (rv != 0 && !s->why.code)
        explain(s->o, who, nth, &s->why);
    if (rv != 0)
        rv = try_versions(s, who->name, NULL);
    s->depth--;
    return rv;
}

int offers_resolve(struct offers *o, struct err *err)
{
    struct search s = {.o = o};
    if (solve(&s) == 0)
        return 0;
    if (err)
        *err = s.why;
    return s.why.code;
}
