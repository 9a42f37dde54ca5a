#include "cli/doctor.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `muster doctor` reads a data folder, beside its server or without one, and changes nothing. Each look stands for itself:
 * what cannot be looked at is a finding, and the next look goes on. */

static const char manual[] =
    "Usage: muster doctor --data DIR [--config FILE] [--plugins DIR] [--json]\n\n"
    "Looks a data folder over, whether a server runs on it or not, and says what is wrong and what to do about it. It\n"
    "changes nothing.\n\n"
    "  --data DIR      the folder that `muster init` made (or MUSTER_DATA)\n"
    "  --config FILE   as for `muster serve`\n"
    "  --plugins DIR   as for `muster serve`\n"
    "  --json          print {ok, served, generation, findings: [{level, rule, about, text, todo}]}\n\n"
    "Levels: ok, note (worth knowing), wrong. Exit status: 0 nothing is wrong, 1 something is, 2 wrong use.\n";

void doctor_say(struct doctor *d, enum doctor_level level, const char *rule, const char *about, const char *todo,
                const char *fmt, ...)
{
    va_list args;
    if (d->count == DOCTOR_FINDINGS_MAX)
        return;
    d->findings = mem_realloc(d->findings, (size_t)(d->count + 1) * sizeof(*d->findings));
    struct finding *f = &d->findings[d->count++];
    f->level = level;
    snprintf(f->rule, sizeof(f->rule), "%s", rule);
    snprintf(f->about, sizeof(f->about), "%s", about);
    snprintf(f->todo, sizeof(f->todo), "%s", todo ? todo : "");
    va_start(args, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, args);
    va_end(args);
}

/* -- looking -- */

/* The configuration names other files: is it wrong, the defaults serve for what follows. */
static bool open_house(struct doctor *d)
{
    struct err err = {0};
    struct house again = d->house;
    if (house_open(&d->house, &err) == 0) {
        doctor_say(d, DOCTOR_OK, "doctor.config", "configuration", NULL, "%s",
                   d->house.config_path ? d->house.config_path : "defaults: there is no config.lua");
        return true;
    }
    if (access(d->house.db, R_OK | W_OK) != 0) {
        doctor_say(d, DOCTOR_WRONG, "doctor.folder", "folder", "name the right folder with --data; who may read it?",
                   "%s", err.text);
        return false;
    }
    doctor_say(
        d, DOCTOR_WRONG, "doctor.config", "configuration",
        "mend it: the next start is refused with this message; `muster serve --print-config` shows every setting", "%s",
        err.text);
    d->house = again;
    d->house.defaults = true;
    return house_open(&d->house, &err) == 0;
}

static void look(struct doctor *d)
{
    if (!open_house(d))
        return;
    d->served = store_served(d->house.db) == 1;
    doctor_say(d, DOCTOR_OK, "doctor.server", "server", NULL, d->served ? "one runs on this folder" : "none runs here");
    doctor_folder(d);
    doctor_disk(d);
    doctor_certificates(d);
    doctor_database(d);
    doctor_generation(d);
    doctor_lock(d);
    doctor_keys(d);
    doctor_quarantine(d);
    doctor_processes(d);
    if (d->store)
        doctor_start(d);
    store_close(d->store);
    d->store = NULL;
}

/* -- telling -- */

static const char *const levels[] = {"ok", "note", "wrong"};

static int wrongs(const struct doctor *d)
{
    int n = 0;
    for (int i = 0; i < d->count; i++)
        n += d->findings[i].level == DOCTOR_WRONG;
    return n;
}

static void print_text(const struct doctor *d)
{
    static const char *const words[] = {"ok", "note", "WRONG"};
    int n = wrongs(d);
    for (int i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        printf("%-6s %s: %s\n", words[f->level], f->about, f->text);
        if (f->todo[0])
            printf("       → %s\n", f->todo);
    }
    if (n)
        printf("%d thing%s wrong\n", n, n == 1 ? " is" : "s are");
    else
        printf("nothing is wrong\n");
}

static void print_json(const struct doctor *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s*}", "level", levels[f->level], "rule", f->rule,
                                              "about", f->about, "text", f->text, "todo", f->todo[0] ? f->todo : NULL));
    }
    json_t *all = json_pack("{s:b, s:b, s:I, s:o}", "ok", wrongs(d) == 0, "served", d->served, "generation",
                            (json_int_t)d->set.number, "findings", list);
    char *text = json_dumps(all, JSON_INDENT(2));
    puts(text);
    free(text);
    json_decref(all);
}

/* -1: go on; otherwise the exit status. */
static int parse(struct house *h, bool *json, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},    {"config", required_argument, NULL, 'c'},
        {"plugins", required_argument, NULL, 'P'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            h->data = optarg;
            break;
        case 'c':
            h->config_path = optarg;
            break;
        case 'P':
            h->plugins = optarg;
            break;
        case 'j':
            *json = true;
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("doctor", "%s needs a value", argv[optind - 1]);
        default:
            return cli_misuse("doctor", "unknown option %s", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return cli_misuse("doctor", "what is %s? doctor takes options only", argv[optind]);
    if (!h->data)
        h->data = getenv("MUSTER_DATA");
    return h->data && *h->data ? -1 : cli_misuse("doctor", "which data folder? --data DIR, or MUSTER_DATA");
}

/* What the looks find is told as findings, not as a log. */
static void be_silent(enum log_level level, const char *module, const char *text)
{
    (void)level;
    (void)module;
    (void)text;
}

int cli_doctor(int argc, char **argv)
{
    static struct doctor doctor; /* a house is large */
    struct doctor *d = &doctor;
    bool json = false;
    int status = parse(&d->house, &json, argc, argv);
    if (status >= 0)
        return status;
    log_set_sink(be_silent);
    d->now_ms = clock_now_ms();
    look(d);
    log_set_sink(NULL);
    if (json)
        print_json(d);
    else
        print_text(d);
    status = wrongs(d) > 0;
    free(d->findings);
    set_close(&d->set);
    house_close(&d->house);
    return fflush(stdout) == 0 ? status : 9;
}
