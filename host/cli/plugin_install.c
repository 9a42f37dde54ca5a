#include "cli/cli.h"
#include "cli/plugin.h"
#include "cli/plugin_link.h"
#include "cli/plugin_lock.h"
#include "cli/plugin_resolve.h"
#include "script/watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `muster plugin install` and `upgrade`, and `rollback` to packages: read the packages, find what they require, send all of it, show the plan, ask,
 * and watch. What may run is the server's to judge; here it is only found. */

static const char manual[] =
    "Usage: muster plugin %s FILE… [--from DIR] [--yes] [--no-wait] [CONNECTION]\n"
    "       muster plugin %s --locked FILE [FILE…] [--from DIR] [--yes] [--no-wait] [CONNECTION]\n\n"
    "Sends packages (NAME-VERSION.muster) to the server of the data folder, which checks their signatures, tries them\n"
    "out on a copy of its database, and tells what would change. With your consent it changes over while it runs, and\n"
    "goes back by itself if the new plugins are unwell in their first seconds. Does no server serve the folder, the same\n"
    "is done on the folder itself. Use install for a plugin that is not there, upgrade for a newer version of one that is;\n"
    "what either requires comes along as needed.\n\n"
    "  --from DIR            take what is required and not installed from the packages in this folder\n"
    "  --locked FILE         install exactly what this plugins.lock names, found among FILE… and --from\n"
    "  --yes                 do not ask; agrees to everything the plan shows as NEW\n"
    "  --no-wait             do not wait until the new set has proved itself\n\n" CONNECT_MANUAL "\n" LINK_MANUAL
    "\nRefusals name a rule: package.… (signature, hash, form), plugin.… (versions, dependencies, health), sql.… and\n"
    "migration.… (what its migrations may do), limit.… (its code). Then nothing has changed.\n"
    "Exit status: 0 done, 2 wrong use, 3 not found, 4 refused by a rule or unwell, 5 not permitted, 6 not signed in,\n"
    "7 busy, or code that takes too long, 9 no connection or a file cannot be read.\n";

static const char rehearse_manual[] =
    "Usage: muster plugin rehearse FILE… [--from DIR] [--locked FILE] [--last N] [--json] [CONNECTION]\n\n"
    "Tries packages out as install and upgrade do, then plays the last accepted writes again on two copies of the\n"
    "database: once with the plugins that run, once with the new ones. Tells which replies would be others, which users\n"
    "would gain or lose commands, and how long each command took. Nothing is changed.\n\n"
    "  --from DIR            take what is required and not installed from the packages in this folder\n"
    "  --locked FILE         rehearse exactly what this plugins.lock names\n"
    "  --last N              how many writes (1000; 10000 at most)\n"
    "  --json                the whole report, for programs\n\n" CONNECT_MANUAL "\n" LINK_MANUAL
    "\nExit status: 0 nothing differs, 1 something does; otherwise as of install.\n";

struct install {
    const char *verb; /* "install", "upgrade", "rehearse" or "rollback" */
    struct plugin_link link;
    const char *from, *locked, *last;
    bool yes, no_wait, json;
    struct offers offers;
    json_t *running; /* what plugin.list says */
};

static bool rehearses(const struct install *in)
{
    return strcmp(in->verb, "rehearse") == 0;
}

/* -1: go on; otherwise the exit status. */
static int parse(struct install *in, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        LINK_LONG_OPTIONS,
        {"from", required_argument, NULL, 'f'},
        {"locked", required_argument, NULL, 'l'},
        {"yes", no_argument, NULL, 'y'},
        {"no-wait", no_argument, NULL, 'n'},
        {"last", required_argument, NULL, 'N'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    char name[32];
    snprintf(name, sizeof(name), "plugin %s", in->verb);
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = link_option(&in->link, c, optarg, err);
        if (rv < 0)
            return cli_misuse(name, "%s", err->text);
        if (rv > 0)
            continue;
        switch (c) {
        case 'f':
            in->from = optarg;
            break;
        case 'l':
            in->locked = optarg;
            break;
        case 'y':
            in->yes = true;
            break;
        case 'n':
            in->no_wait = true;
            break;
        case 'N':
            in->last = optarg;
            break;
        case 'j':
            in->json = true;
            break;
        case 'h':
            if (rehearses(in))
                fputs(rehearse_manual, stdout);
            else
                printf(manual, in->verb, in->verb);
            return 0;
        case ':':
            return cli_misuse(name, "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse(name, "unknown option %s", argv[optind - 1]);
        }
    }
    if (rehearses(in) ? in->yes || in->no_wait : in->last || in->json)
        return cli_misuse(name, "%s",
                          rehearses(in) ? "nothing is changed: --yes and --no-wait are not for it"
                                        : "--last and --json are for rehearse");
    return optind < argc || in->locked ? -1 : cli_misuse(name, "which package?");
}

/* -- what there is -- */

static const char *text_of(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text ? text : "";
}

static int add_running(struct install *in, struct err *err)
{
    const struct slice words[] = {SLICE("plugin.list")};
    json_t *p;
    size_t i;
    int rv = link_json(&in->link, words, 1, &in->running, err);
    json_array_foreach(in->running, i, p)
    {
        const char *needs[NEEDS_MAX];
        const json_t *requires = json_object_get(p, "requires");
        int n = 0;
        for (size_t k = 0; k < json_array_size(requires) && n < NEEDS_MAX; k++)
            needs[n++] = json_string_value(json_array_get(requires, k));
        if (rv == 0 && strcmp(text_of(p, "state"), "on") == 0)
            rv = offers_add_running(&in->offers, text_of(p, "name"), text_of(p, "version"), needs, n, err);
    }
    return rv;
}

/* The watchdog is started once for all their manifests. */
static int find_offers(struct install *in, char **files, int count, struct err *err)
{
    int rv = watchdog_start(err);
    if (rv != 0)
        return rv;
    for (int i = 0; rv == 0 && i < count; i++)
        rv = offers_add_file(&in->offers, files[i], true, err);
    if (rv == 0 && in->from)
        rv = offers_add_folder(&in->offers, in->from, err);
    watchdog_stop();
    return rv;
}

static int find_all(struct install *in, char **files, int count, struct err *err)
{
    int rv = find_offers(in, files, count, err);
    if (rv == 0)
        rv = add_running(in, err);
    if (rv != 0)
        return rv;
    if (in->locked)
        return lock_choose(&in->offers, in->running, in->locked, err);
    /* Without a folder to choose from, the server explains what is missing. */
    return in->from ? offers_resolve(&in->offers, err) : 0;
}

/* -- sending them -- */

static int upload(struct install *in, const struct offer *offer, struct buf *list, struct err *err)
{
    struct buf word = {0};
    json_t *reply = NULL;
    buf_text(&word, "package=");
    int rv = package_read(offer->path, &word, err);
    const struct slice words[] = {SLICE("plugin.upload"), buf_view(&word)};
    if (rv == 0)
        rv = link_json(&in->link, words, 2, &reply, err);
    if (rv == 0)
        buf_fmt(list, "%s\"%s\"", list->len > strlen("uploaded=[") ? "," : "",
                json_string_value(json_object_get(reply, "sha256")));
    json_decref(reply);
    buf_close(&word);
    return rv;
}

/* A lock file, or a rehearsal, says what shall be, whatever there was. The first package decides what the server calls it. */
static const char *kind_of(const struct install *in)
{
    size_t k;
    json_t *p;
    for (int i = 0; (in->locked || rehearses(in)) && i < in->offers.count; i++) {
        const struct offer *first = &in->offers.list[i];
        if (!first->chosen || !first->path)
            continue;
        json_array_foreach(in->running, k, p)
        {
            if (strcmp(text_of(p, "name"), first->name) == 0)
                return "upgrade";
        }
        return "install";
    }
    return in->verb;
}

/* Send what is chosen; `list` becomes the argument that names it. */
static int upload_all(struct install *in, struct buf *list, int *count, struct err *err)
{
    int rv = 0;
    buf_text(list, "uploaded=[");
    for (int i = 0; rv == 0 && i < in->offers.count; i++) {
        if (!in->offers.list[i].chosen || !in->offers.list[i].path)
            continue;
        rv = upload(in, &in->offers.list[i], list, err);
        (*count)++;
    }
    buf_text(list, "]");
    return rv;
}

static int send_all(struct install *in, struct err *err)
{
    char kind[32];
    struct buf list = {0};
    json_t *plan = NULL;
    int count = 0, rv = upload_all(in, &list, &count, err);
    snprintf(kind, sizeof(kind), "kind=%s", kind_of(in));
    const struct slice words[] = {SLICE("plugin.stage"), slice_of(kind), buf_view(&list)};
    if (rv == 0 && count > 0)
        rv = link_json(&in->link, words, 3, &plan, err);
    if (in->locked && (rv != 0 ? strcmp(err->rule, "plugin.nothing") == 0 : count == 0)) {
        printf("all of it runs already as %s says\n", in->locked);
        rv = 0;
    } else if (rv == 0 && rehearses(in)) {
        rv = link_rehearse(&in->link, plan, in->last, in->json, err);
    } else if (rv == 0) {
        rv = link_go(&in->link, plan, in->yes, !in->no_wait, err);
    }
    json_decref(plan);
    buf_close(&list);
    return rv;
}

static int run(struct install *in, char **files, int count, struct err *err)
{
    int rv = link_open(&in->link, err);
    if (rv == 0)
        rv = find_all(in, files, count, err);
    return rv == 0 ? send_all(in, err) : rv;
}

static int install(const char *verb, int argc, char **argv)
{
    struct install in = {.verb = verb};
    struct err err = {0};
    char name[32];
    int status = parse(&in, argc, argv, &err);
    if (status < 0) {
        int rv = run(&in, argv + optind, argc - optind, &err);
        snprintf(name, sizeof(name), "plugin %s", verb);
        status = rv >= 0 ? rv : cli_fail(name, &err);
    }
    offers_close(&in.offers);
    json_decref(in.running);
    link_close(&in.link);
    return status;
}

int cli_plugin_install(int argc, char **argv)
{
    return install(argv[0], argc, argv);
}
