#include "cli/plugin_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A plugins.lock, as a server wrote it, against the packages that are there: each is found by its hash, so what is installed
 * is exactly what ran, whoever signed it. */

struct lock {
    struct offers *offers;
    const json_t *running; /* what plugin.list says */
    const char *path;
    int named; /* so many plugins */
};

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

static struct offer *find_hash(struct offers *o, const char *hash)
{
    for (int i = 0; i < o->count; i++)
        if (o->list[i].path && strcmp(o->list[i].hash, hash) == 0)
            return &o->list[i];
    return NULL;
}

/* What came with the program there must have come with it here, too. */
static int check_bundled(const struct lock *lock, const char *name, const char *version, const char *hash,
                         struct err *err)
{
    size_t i;
    json_t *p;
    json_array_foreach(lock->running, i, p)
    {
        if (strcmp(text_of(p, "name"), name) != 0)
            continue;
        if (strcmp(text_of(p, "origin"), "bundled") != 0)
            return err_rule(
                err, ERR_CONFLICT, "lock.bundled", NULL,
                "%s says that %s %s came with the program; here the package %s %s hides that: `muster plugin "
                "remove %s` first",
                lock->path, name, version, name, text_of(p, "version"), name);
        if (strcmp(text_of(p, "sha256"), hash) == 0)
            return 0;
    }
    return err_rule(
        err, ERR_CONFLICT, "lock.bundled", NULL,
        "%s says that %s %s came with the program, with sha256 %.12s…; with this program came another, or it "
        "does not run: use the same release of it",
        lock->path, name, version, hash);
}

/* Lines "name version sha256 signer". */
static int take_lock_line(struct lock *lock, char *line, struct err *err)
{
    char *rest = line, *name = strtok_r(rest, " \r\n", &rest), *version = strtok_r(rest, " \r\n", &rest),
         *hash = strtok_r(rest, " \r\n", &rest), *signer = strtok_r(rest, " \r\n", &rest);
    if (!name || name[0] == '#')
        return 0;
    if (!version || !hash || !signer)
        return err_rule(err, ERR_ARG, "lock.form", NULL, "%s: lines are: name version sha256 signer", lock->path);
    lock->named++;
    if (strcmp(signer, "(bundled)") == 0)
        return check_bundled(lock, name, version, hash, err);
    struct offer *offer = find_hash(lock->offers, hash);
    if (!offer)
        return err_rule(err, ERR_NOTFOUND, "lock.missing", NULL,
                        "%s names %s %s with sha256 %.12s…, of which there is no package here", lock->path, name,
                        version, hash);
    if (strcmp(offer->name, name) != 0 || strcmp(offer->version, version) != 0)
        return err_rule(err, ERR_CONFLICT, "lock.form", NULL, "%s calls %s %s what its package calls %s %s", lock->path,
                        name, version, offer->name, offer->version);
    offer->chosen = true;
    return 0;
}

static bool is_chosen(const struct offers *o, const char *name)
{
    for (int i = 0; i < o->count; i++)
        if (o->list[i].chosen && strcmp(o->list[i].name, name) == 0)
            return true;
    return false;
}

/* The file says what shall run; what runs besides is for people to judge. */
static void tell_others(const struct lock *lock)
{
    size_t i;
    json_t *p;
    json_array_foreach(lock->running, i, p)
    {
        if (strcmp(text_of(p, "origin"), "package") == 0 && !is_chosen(lock->offers, text_of(p, "name")))
            fprintf(stderr, "%s %s is installed here, too; %s does not name it\n", text_of(p, "name"),
                    text_of(p, "version"), lock->path);
    }
}

int lock_choose(struct offers *offers, const json_t *running, const char *path, struct err *err)
{
    struct lock lock = {offers, running, path, 0};
    char line[512];
    FILE *f = fopen(path, "re");
    if (!f)
        return err_rule(err, ERR_NOTFOUND, "lock.file", NULL, "%s: %s", path, strerror(errno));
    int rv = 0;
    for (int i = 0; i < offers->count; i++)
        offers->list[i].chosen = false;
    while (rv == 0 && fgets(line, sizeof(line), f))
        rv = take_lock_line(&lock, line, err);
    fclose(f);
    if (rv == 0 && lock.named == 0)
        rv = err_rule(err, ERR_ARG, "lock.form", NULL, "%s names no plugin", path);
    if (rv == 0)
        tell_others(&lock);
    return rv;
}
