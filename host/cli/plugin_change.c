#include "cli/cli.h"
#include "cli/plugin.h"
#include "cli/plugin_link.h"

#include <stdio.h>
#include <string.h>

/* The subcommands that change what is installed without bringing anything, and those that only tell: each is one of the
 * server's commands, so that what a script does over the wire and what is done here is the same. */

static const char *const change_manual =
    "Usage: muster plugin %s%s [--yes] [--no-wait] [CONNECTION]\n\n%s\n\n"
    "  --yes                 do not ask\n"
    "  --no-wait             do not wait until the new set has proved itself\n\n%s";
static const char *const tell_manual = "Usage: muster plugin %s%s [--json] [CONNECTION]\n\n%s\n\n"
                                       "  --json                print it for programs\n\n%s";

struct verb {
    const char *name;
    const char *words; /* of the usage */
    const char *about;
    const char *command; /* of the server; NULL: plugin.stage kind=NAME */
    bool named;          /* a name must be given */
    bool writes;         /* asks before it sends */
};

static const struct verb verbs[] = {
    {"rollback", " [NAME | FILE…] [--to GENERATION]",
     "Goes back to the generation before this one, or to GENERATION; with NAME only that plugin goes back, to its version\n"
     "before or to the one it had in GENERATION. With packages (NAME-VERSION.muster) it goes back to these older versions,\n"
     "whose files need not be there any more. What the newer version's migrations did is undone, or stays where it only\n"
     "adds. The plan says which, and what would change.",
     NULL, false, false},
    {"enable", " NAME",
     "Lets a plugin run again that was disabled or is in quarantine, and with it those that were off because they require\n"
     "it. It is tried out on a copy and watched like a new one.",
     NULL, true, false},
    {"disable", " NAME",
     "Stops a plugin until `enable`, over restarts, too. Its tables stay as they are. Refused while another plugin that\n"
     "runs requires it.",
     NULL, true, false},
    {"remove", " NAME",
     "Takes a plugin away that was installed from a package. Its tables stay, so that installing it again finds them;\n"
     "`purge` drops them. Refused while another plugin that runs requires it.",
     NULL, true, false},
    {"purge", " NAME",
     "Drops the tables of a plugin that was removed, and all that is in them, its series and settings. Only a backup brings them\n"
     "back.",
     "plugin.purge", true, true},
    {"list", "",
     "Lists the plugins: what runs, what does not and why, and what each has cost since this server took it up: calls,\n"
     "errors (faults of its code, and stops by a limit), time inside its code, and the most memory one of its states held.\n"
     "`show` tells more of one.",
     "plugin.list", false, false},
    {"show", " NAME",
     "Shows one plugin: where it came from, what it may do, what it requires and who requires it, its commands, and what\n"
     "it has cost since this server took it up: calls; refused: by the plugin itself; faults: errors of its code;\n"
     "killed_time and killed_memory: stopped by a limit; crashes of its process; run_us: microseconds inside its code;\n"
     "memory_peak: bytes of the largest of its states.",
     "plugin.show", true, false},
    {"verify", " [NAME]",
     "Compares the plugins' files with what was installed. One that was changed is left out at the next start; install the\n"
     "same package again. Exit status 4 when one was.",
     "plugin.verify", false, false},
    {"generations", "",
     "Lists the sets of plugins that ran, newest first. States: probation (being watched), good, failed (given up because\n"
     "it was unwell), left (another one was wanted while it was watched).",
     "plugin.generations", false, false},
};

struct change {
    const struct verb *verb;
    char full[32]; /* "plugin NAME" */
    struct plugin_link link;
    const char *to;
    bool yes, no_wait, json;
};

static const struct verb *find_verb(const char *name)
{
    size_t i = 0;
    while (strcmp(verbs[i].name, name) != 0)
        i++;
    return &verbs[i];
}

/* -1: go on; otherwise the exit status. */
static int parse(struct change *c, int argc, char **argv, struct err *err)
{
    static const struct option options[] = {
        LINK_LONG_OPTIONS,
        {"json", no_argument, NULL, 'j'},
        {"to", required_argument, NULL, 't'},
        {"yes", no_argument, NULL, 'y'},
        {"no-wait", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int o; (o = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        int rv = link_option(&c->link, o, optarg, err);
        if (rv < 0)
            return cli_misuse(c->full, "%s", err->text);
        if (rv > 0)
            continue;
        switch (o) {
        case 't':
            c->to = optarg;
            break;
        case 'j':
            c->json = true;
            break;
        case 'y':
            c->yes = true;
            break;
        case 'n':
            c->no_wait = true;
            break;
        case 'h':
            printf(c->verb->command && !c->verb->writes ? tell_manual : change_manual, c->verb->name, c->verb->words,
                   c->verb->about, CONNECT_MANUAL "\n" LINK_MANUAL);
            return 0;
        case ':':
            return cli_misuse(c->full, "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse(c->full, "unknown option %s", argv[optind - 1]);
        }
    }
    bool tells = c->verb->command && !c->verb->writes;
    if (c->to && strcmp(c->verb->name, "rollback") != 0)
        return cli_misuse(c->full, "--to belongs to rollback");
    if (c->json && !tells)
        return cli_misuse(c->full, "--json belongs to list, show, verify and generations");
    if (tells && (c->yes || c->no_wait))
        return cli_misuse(c->full, "--yes and --no-wait belong to what changes something");
    if (argc - optind > 1)
        return cli_misuse(c->full, "what is \"%s\"?", argv[optind + 1]);
    return c->verb->named && optind == argc ? cli_misuse(c->full, "which plugin?") : -1;
}

/* What would be lost is shown first. */
static int confirm(struct change *c, const char *named, struct err *err)
{
    const struct slice words[] = {SLICE("plugin.tables"), slice_of(named)};
    json_t *tables;
    int rv = link_json(&c->link, words, 2, &tables, err);
    const size_t count = json_array_size(tables);
    json_decref(tables);
    if (rv == 0 && count == 0) /* nothing to ask about: the server says what it knows */
        return 0;
    if (rv == 0)
        rv = link_print(&c->link, words, 2, false, err);
    if (rv != 0 || c->yes || link_agreed("drop them?"))
        return rv;
    return err_rule(err, ERR_POLICY, "plugin.unconfirmed", NULL, "nothing was changed; --yes goes on without asking");
}

static int stage(struct change *c, const char *name, struct err *err)
{
    char kind[32], named[80], to[48];
    struct slice words[4] = {SLICE("plugin.stage")};
    int n = 1;
    json_t *plan = NULL;
    snprintf(kind, sizeof(kind), "kind=%s", c->verb->name);
    words[n++] = slice_of(kind);
    snprintf(named, sizeof(named), "name=%s", name ? name : "");
    if (name)
        words[n++] = slice_of(named);
    snprintf(to, sizeof(to), "to=%s", c->to ? c->to : "");
    if (c->to)
        words[n++] = slice_of(to);
    int rv = link_json(&c->link, words, n, &plan, err);
    if (rv == 0)
        rv = link_go(&c->link, plan, c->yes, !c->no_wait, err);
    json_decref(plan);
    return rv;
}

static int run(struct change *c, const char *name, struct err *err)
{
    char named[80];
    snprintf(named, sizeof(named), "name=%s", name ? name : "");
    c->link.look_only = c->verb->command && !c->verb->writes;
    int rv = link_open(&c->link, err);
    if (rv == 0 && c->verb->writes)
        rv = confirm(c, named, err);
    if (rv == 0 && !c->verb->command)
        return stage(c, name, err);
    const struct slice words[] = {slice_of(c->verb->command), slice_of(named)};
    if (rv == 0 && !c->json && strcmp(c->verb->name, "list") == 0)
        return tell_list(&c->link, err);
    if (rv == 0 && !c->json && strcmp(c->verb->name, "generations") == 0)
        return tell_generations(&c->link, err);
    if (rv == 0 && strcmp(c->verb->name, "verify") == 0)
        return tell_verify(&c->link, words, name ? 2 : 1, c->json, err);
    return rv == 0 ? link_print(&c->link, words, name ? 2 : 1, c->json, err) : rv;
}

/* No plugin is called that. */
static bool names_file(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-' && strstr(argv[i], ".muster"))
            return true;
    return false;
}

int cli_plugin_rollback(int argc, char **argv)
{
    return names_file(argc, argv) ? cli_plugin_install(argc, argv) : cli_plugin_change(argc, argv);
}

int cli_plugin_change(int argc, char **argv)
{
    struct change c = {.verb = find_verb(argv[0])};
    struct err err = {0};
    snprintf(c.full, sizeof(c.full), "plugin %s", argv[0]);
    int status = parse(&c, argc, argv, &err);
    if (status < 0) {
        int rv = run(&c, optind < argc ? argv[optind] : NULL, &err);
        status = rv == 0 ? 0 : cli_fail(c.full, &err);
    }
    link_close(&c.link);
    return status;
}
