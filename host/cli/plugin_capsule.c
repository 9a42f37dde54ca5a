#include "base/buf.h"
#include "base/clock.h"
#include "cli/beside.h"
#include "cli/plugin.h"
#include "plugin/capsule.h"
#include "wire/render.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Failed calls that a server has kept: their list, what is in one, and playing it with a plugin's folder. None of it
 * needs a server. */

enum { PATH_BYTES = 1400, STAMP_BYTES = 36, EXIT_SAME = 1, EXIT_DIFFERS = 4 };

static const char list_manual[] =
    "Usage: muster plugin capsules [--data DIR] [--json]\n\n"
    "Lists the capsules of a data folder, newest first. When a command of a plugin fails by a fault of the plugin\n"
    "(INTERNAL), the server keeps a capsule in DIR/capsules: the arguments, who called, and everything that the host\n"
    "answered while the command ran. Its author plays it with `muster plugin replay`.\n\n"
    "The newest 100 are kept, of at most 1 MiB, readable for the server's user alone; at most 6 are made in a minute,\n"
    "one of each fault. They hold data of the database! What a secret argument (`!`) brought is in none of them.\n\n"
    "  --data DIR   the data folder; MUSTER_DATA in the environment means the same\n"
    "  --json       a JSON array instead of lines\n";
static const char replay_manual[] =
    "Usage: muster plugin replay FILE [DIR] [--print]\n\n"
    "Plays a capsule (see `muster plugin capsules`) with the plugin in the folder DIR, or else in the folder that it\n"
    "failed in. The plugin runs in a process of its own, without a database: its questions are answered from the\n"
    "capsule, each with the first answer to the same question that was not given yet.\n\n"
    "  --print   show what is in the capsule, and play nothing\n\n"
    "Exit status: 0 it succeeds now, 1 it fails in the same way, 2 wrong use, or no capsule, 4 it fails otherwise, or\n"
    "asks what the capsule does not know.\n\n"
    "A capsule is a sequence of RESP3 values: a map (command, plugin, version, hash of its files, folder, generation,\n"
    "user, lang, scope, received, now, zone, write, args, error, again, trace, short_of, task), then for each question\n"
    "two blobs, the message and the answer. `task` is the message that runs the command; `again` how it failed when\n"
    "the server ran it once more to listen to it; `short_of` why it can't be played, or not to its end.\n";

struct words {
    const char *data, *file, *folder;
    bool json, print;
};

/* -1: go on; otherwise the exit status. */
static int parse(const char *name, const char *manual, int files, int argc, char **argv, struct words *w)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"print", no_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(manual, stdout);
            return 0;
        }
        if (c == 'd' && files == 0)
            w->data = optarg;
        else if (c == 'j' && files == 0)
            w->json = true;
        else if (c == 'p' && files > 0)
            w->print = true;
        else
            return cli_misuse(name, c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
    }
    if (argc - optind > files)
        return cli_misuse(name, "too many words: %s", argv[optind + files]);
    w->file = optind < argc ? argv[optind] : NULL;
    w->folder = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (!w->data)
        w->data = getenv("MUSTER_DATA");
    return -1;
}

static struct err error_of(struct slice reply)
{
    struct err err = {0};
    reader_error(reply, &err);
    return err;
}

/* -- the list -- */

static void stamp(const struct capsule *c, char out[STAMP_BYTES])
{
    clock_format_instant(c->at_ms, 0, out);
}

static json_t *as_json(const struct capsule *c, const char *path)
{
    const struct err error = error_of(c->error);
    char time[STAMP_BYTES];
    stamp(c, time);
    return json_pack("{s:s, s:s%, s:s%, s:s%, s:I, s:s, s:b, s:s}", "at", time, "command", c->command.data,
                     c->command.len, "plugin", c->plugin.data, c->plugin.len, "version", c->version.data,
                     c->version.len, "generation", (json_int_t)c->generation, "error", error.text, "playable",
                     c->task.len > 0, "file", path);
}

static void print_line(const struct capsule *c, const char *path)
{
    const struct err error = error_of(c->error);
    char time[STAMP_BYTES];
    stamp(c, time);
    printf("%s  %.*s  %.*s %.*s\n    %s\n    %s%s\n", time, (int)c->command.len, c->command.data, (int)c->plugin.len,
           c->plugin.data, (int)c->version.len, c->version.data, error.text, path,
           c->task.len > 0 ? "" : " (can't be played)");
}

int cli_plugin_capsules(int argc, char **argv)
{
    const char *name = "plugin capsules";
    struct words w = {0};
    struct err err = {0};
    char **files;
    int count, rv = parse(name, list_manual, 0, argc, argv, &w);
    if (rv >= 0)
        return rv;
    if (!w.data)
        return cli_misuse(name, "which data folder? --data DIR");
    if (capsule_list(w.data, &files, &count, &err) != 0)
        return cli_fail(name, &err);
    json_t *all = json_array();
    for (int i = 0; i < count; i++) {
        struct capsule c;
        char path[PATH_BYTES];
        snprintf(path, sizeof(path), "%s/capsules/%s", w.data, files[i]);
        free(files[i]);
        if (capsule_read(path, &c, &err) != 0) {
            cli_fail(name, &err);
            continue;
        }
        if (w.json)
            json_array_append_new(all, as_json(&c, path));
        else
            print_line(&c, path);
        capsule_close(&c);
    }
    free(files);
    if (w.json && json_dumpf(all, stdout, JSON_COMPACT) == 0)
        putchar('\n');
    json_decref(all);
    return 0;
}

/* -- one of them -- */

static void print_message(const char *before, struct slice message)
{
    struct buf json = {0};
    if (render_json(message, &json) == 0)
        printf("%s%s\n", before, buf_cstr(&json));
    else
        printf("%s(damaged)\n", before);
    buf_close(&json);
}

static void print_text(const char *name, struct slice text)
{
    if (text.len > 0)
        printf("%-10s  %.*s\n", name, (int)text.len, text.data);
}

static int print_capsule(const struct capsule *c)
{
    char time[STAMP_BYTES], now[STAMP_BYTES], hash[65] = "";
    const struct err error = error_of(c->error), again = error_of(c->again);
    stamp(c, time);
    clock_format_instant(c->now_ms, (int)c->zone_min, now);
    for (size_t i = 0; i < c->hash.len && i < 32; i++)
        snprintf(hash + 2 * i, 3, "%02x", (unsigned char)c->hash.data[i]);
    print_text("at", slice_of(time));
    print_text("command", c->command);
    print_text("arguments", c->args);
    print_text("plugin", c->plugin);
    print_text("version", c->version);
    print_text("hash", slice_of(hash));
    print_text("folder", c->folder);
    printf("%-10s  %lld\n", "generation", (long long)c->generation);
    print_text("user", c->user);
    print_text("lang", c->lang);
    print_text("scope", c->scope);
    print_text("now", slice_of(now));
    print_text("mode", slice_of(c->write ? "write" : "read"));
    print_text("error", slice_of(error.text));
    if (again.code != 0 && strcmp(again.text, error.text) != 0)
        print_text("again", slice_of(again.text));
    print_text("trace", c->trace);
    print_text("short of", c->short_of);
    for (int i = 0; i < c->count; i++) {
        print_message("? ", c->exchanges[i].question);
        print_message("  ", c->exchanges[i].answer);
    }
    return 0;
}

static void print_fault(const char *how, const struct capsule_played *p)
{
    printf("%s: %s %s%s%s\n", how, err_token(p->err.code), p->err.rule, p->err.rule[0] ? ": " : "", p->err.text);
    for (size_t i = 0; i < p->trace.len; i++) {
        const unsigned char b = (unsigned char)p->trace.data[i];
        putchar(b < ' ' && b != '\n' && b != '\t' ? ' ' : b);
    }
    if (p->trace.len > 0)
        putchar('\n');
}

static int tell(const struct capsule *c, struct capsule_played *p)
{
    if (p->other_files)
        printf("(the plugin's files are not those that failed, of version %.*s)\n", (int)c->version.len,
               c->version.data);
    switch (p->outcome) {
    case CAPSULE_SUCCEEDS:
        print_message("succeeds: ", buf_view(&p->reply));
        return 0;
    case CAPSULE_SAME:
        print_fault("fails in the same way", p);
        return EXIT_SAME;
    case CAPSULE_DIFFERS:
        print_fault("fails in another way", p);
        return EXIT_DIFFERS;
    default:
        printf("asks what the capsule does not know, after %d of its %d questions", p->asked, c->count);
        print_message(": ", buf_view(&p->question));
        if (c->short_of.len > 0)
            printf("(the capsule is not whole: %.*s)\n", (int)c->short_of.len, c->short_of.data);
        return EXIT_DIFFERS;
    }
}

static int play(const char *name, struct capsule *c, const char *folder)
{
    char share[BESIDE_PATH_BYTES], native[BESIDE_PATH_BYTES], lib[BESIDE_PATH_BYTES + 10];
    struct err err = {0};
    struct capsule_played played = {.asked = 0};
    char *own = mem_dup_slice(c->folder), *real = realpath(folder ? folder : own, NULL);
    snprintf(lib, sizeof(lib), "%s/api/lib", beside_share_dir(share));
    const struct capsule_place place = {.folder = real, .native_dir = beside_native_dir(native), .lib_dir = lib};
    int rv;
    if (!real)
        rv = cli_misuse(name, "there is no folder %s; name the plugin's folder behind the file", folder ? folder : own);
    else if (capsule_play(c, &place, &played, &err) != 0)
        rv = (cli_fail(name, &err), 2);
    else
        rv = tell(c, &played);
    capsule_played_close(&played);
    free(own);
    free(real);
    return rv;
}

int cli_plugin_replay(int argc, char **argv)
{
    const char *name = "plugin replay";
    struct words w = {0};
    struct err err = {0};
    struct capsule c;
    int rv = parse(name, replay_manual, 2, argc, argv, &w);
    if (rv >= 0)
        return rv;
    if (!w.file)
        return cli_misuse(name, "which capsule?");
    if (capsule_read(w.file, &c, &err) != 0) {
        cli_fail(name, &err);
        return 2;
    }
    rv = w.print ? print_capsule(&c) : play(name, &c, w.folder);
    capsule_close(&c);
    return rv;
}
