#include "cli/doctor.h"

#include "base/clock.h"
#include "ops/install_record.h"
#include "ops/install_start.h"
#include "plugin/child_box.h"
#include "plugin/child_crash.h"
#include "script/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the record says, and whether the files agree with it. */

enum { CRASH_DAYS = 7, FAILED_SHOWN = 3, LOCK_MS = 5000 };

static void plugin_about(char out[80], const char *name)
{
    snprintf(out, 80, "plugin %.60s", name);
}

/* -- the database -- */

/* The lines of the check, as one. */
static bool is_whole(struct doctor *d)
{
    struct buf problems = {0};
    struct err why = {0};
    int found = store_check(d->store, &problems, &why);
    const char *todo = "stop the server, keep a copy of the folder, and restore the last backup";
    for (size_t i = 0; i + 1 < problems.len; i++)
        if (problems.data[i] == '\n')
            problems.data[i] = ';';
    if (found == 0)
        doctor_say(d, DOCTOR_OK, "doctor.database", "database", NULL, "%s is whole", d->house.db);
    else
        doctor_say(d, DOCTOR_WRONG, "doctor.database", "database", todo, "%s is damaged: %.*s", d->house.db,
                   found > 0 ? (int)problems.len - 1 : (int)strlen(why.text), found > 0 ? problems.data : why.text);
    buf_close(&problems);
    return found == 0;
}

void doctor_database(struct doctor *d)
{
    const struct store_options options = {.path = d->house.db};
    struct err why = {0};
    int64_t last = 0;
    if (store_open(&options, STORE_READER, &d->store, &why) != 0) {
        d->store = NULL;
        doctor_say(d, DOCTOR_WRONG, "doctor.database", "database",
                   "stop the server, keep a copy of the folder, and restore the last backup", "%s", why.text);
        return;
    }
    if (!is_whole(d)) { /* what it says is not to be relied on */
        store_close(d->store);
        d->store = NULL;
        return;
    }
    if (record_last(d->store, &last, &why) != 0 || record_read(d->store, last, &d->set, &why) < 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.record", "plugins", NULL, "the record of plugins cannot be read: %s",
                   why.text);
}

/* -- the newest generation -- */

static bool has_note(const struct doctor *d, const char *name)
{
    char path[HOUSE_PATH_BYTES + 80];
    snprintf(path, sizeof(path), "%s/%.64s", d->house.quarantine, name);
    return access(path, F_OK) == 0;
}

static void check_off(struct doctor *d, const struct set_plugin *p, const char *about)
{
    char todo[300];
    if (strcmp(p->off, OFF_DISABLED) == 0) {
        snprintf(todo, sizeof(todo), "muster plugin enable %s", p->name);
        doctor_say(d, DOCTOR_NOTE, "doctor.disabled", about, todo, "%s is disabled", p->version);
    } else if (strcmp(p->off, OFF_CONFIG) == 0) {
        doctor_say(d, DOCTOR_NOTE, "doctor.disabled", about, "take it out of `disabled` there and start again",
                   "%s is disabled by the configuration", p->version);
    } else if (strncmp(p->off, OFF_QUARANTINE, strlen(OFF_QUARANTINE)) == 0) {
        if (has_note(d, p->name))
            return; /* doctor_quarantine has more to say */
        snprintf(todo, sizeof(todo), "install a mended version, or `muster plugin enable %s` when its cause is gone",
                 p->name);
        doctor_say(d, DOCTOR_WRONG, "doctor.left_out", about, todo, "%s does not run: %s", p->version, p->off);
    } else if (strncmp(p->off, OFF_CHANGED, strlen(OFF_CHANGED)) == 0) {
        doctor_say(d, DOCTOR_WRONG, "doctor.left_out", about, "install the same package again", "%s does not run: %s",
                   p->version, p->off);
    } else {
        doctor_say(d, DOCTOR_WRONG, "doctor.left_out", about, "it runs again when what it needs does",
                   "%s does not run: %s", p->version, p->off);
    }
}

static void check_files(struct doctor *d, const struct set_plugin *p, const char *about)
{
    struct err why = {0};
    if (p->folder && install_verify(&d->house.site, d->store, p, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.changed", about,
                   "the next start leaves it out; start again, then install the same package again", "%s: %s",
                   p->version, why.text);
    else if (p->folder)
        doctor_say(d, DOCTOR_OK, "doctor.files", about, NULL, "%s, signed by %s, is what was installed", p->version,
                   p->signer && p->signer[0] ? p->signer : "nobody");
}

static void check_given_up(struct doctor *d)
{
    int shown = 0;
    for (int64_t n = d->set.number - 1; n > 0 && n > d->set.number - 20 && shown < FAILED_SHOWN; n--) {
        struct set old;
        struct err ignored = {0};
        char at[36];
        if (record_read(d->store, n, &old, &ignored) == 1 && old.state && strcmp(old.state, STATE_FAILED) == 0) {
            clock_format_instant(old.at_ms, d->house.config.zone_min, at);
            doctor_say(d, DOCTOR_NOTE, "doctor.given_up", "plugins", NULL, "generation %lld (%s, %s) was given up: %s",
                       (long long)n, old.reason, at, old.why ? old.why : "");
            shown++;
        }
        set_close(&old);
    }
}

void doctor_generation(struct doctor *d)
{
    char about[80], at[36];
    if (!d->store || d->set.number == 0) {
        if (d->store)
            doctor_say(d, DOCTOR_NOTE, "doctor.record", "plugins", "start the server once",
                       "no set of plugins is recorded: no server has run here yet");
        return;
    }
    clock_format_instant(d->set.at_ms, d->house.config.zone_min, at);
    bool watched = strcmp(d->set.state, STATE_PROBATION) == 0;
    doctor_say(d, watched ? DOCTOR_NOTE : DOCTOR_OK, "doctor.generation", "plugins", NULL,
               "generation %lld (%s, by %s, %s) is %s", (long long)d->set.number, d->set.reason, d->set.user, at,
               !watched    ? d->set.state
               : d->served ? "being watched"
                           : "not proved yet: it will be watched when the server starts");
    if (d->set.at_ms > d->now_ms + 60000)
        doctor_say(d, DOCTOR_WRONG, "doctor.clock", "clock", "set this machine's clock",
                   "the newest generation is from %s, which is in the future", at);
    for (int i = 0; i < d->set.count; i++) {
        const struct set_plugin *p = &d->set.plugins[i];
        plugin_about(about, p->name);
        if (p->off)
            check_off(d, p, about);
        else
            check_files(d, p, about);
    }
    check_given_up(d);
}

/* -- plugins.lock -- */

static const char *hash_of(const struct set_plugin *p)
{
    return p->package_hash ? p->package_hash : p->hash;
}

static void say_lock(struct doctor *d, const char *text)
{
    bool soon = d->served && d->now_ms - d->set.at_ms < LOCK_MS; /* the server writes it within a second or two */
    doctor_say(d, soon ? DOCTOR_NOTE : DOCTOR_WRONG, "doctor.lock", "plugins.lock",
               soon ? "look again in a moment" : "start the server again: it writes it anew", "%s", text);
}

/* One line of the file; what it names is struck off `left`. */
static void check_line(struct doctor *d, char *line, int *left)
{
    char text[600];
    char *rest = line, *name = strtok_r(rest, " \n", &rest), *version = strtok_r(rest, " \n", &rest),
         *hash = strtok_r(rest, " \n", &rest);
    const struct set_plugin *p = name && name[0] != '#' ? set_find(&d->set, name) : NULL;
    if (!name || name[0] == '#')
        return;
    if (!p || p->off)
        snprintf(text, sizeof(text), "it names %.60s, which does not run", name);
    else if (!version || !hash || strcmp(version, p->version) != 0 || strcmp(hash, hash_of(p)) != 0)
        snprintf(text, sizeof(text), "it says %.60s %.60s %.12s, what runs is %s %.12s", name, version ? version : "?",
                 hash ? hash : "?", p->version, hash_of(p));
    else
        text[0] = '\0';
    if (text[0])
        say_lock(d, text);
    *left -= p && !p->off;
}

void doctor_lock(struct doctor *d)
{
    char path[HOUSE_PATH_BYTES + 16], line[512];
    int left = 0, before = d->count;
    if (d->set.number == 0)
        return;
    snprintf(path, sizeof(path), "%s/plugins.lock", d->house.data);
    FILE *f = fopen(path, "re");
    if (!f) {
        say_lock(d, "it is not there, or cannot be read");
        return;
    }
    for (int i = 0; i < d->set.count; i++)
        left += !d->set.plugins[i].off;
    while (fgets(line, sizeof(line), f))
        check_line(d, line, &left);
    fclose(f);
    if (left > 0)
        say_lock(d, "it leaves out plugins that run");
    if (d->count == before)
        doctor_say(d, DOCTOR_OK, "doctor.lock", "plugins.lock", NULL, "agrees with generation %lld",
                   (long long)d->set.number);
}

/* -- what broke down -- */

void doctor_quarantine(struct doctor *d)
{
    struct quarantine_entry *notes = NULL;
    struct err why = {0};
    int count = 0;
    if (quarantine_read(d->house.quarantine, &notes, &count, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.quarantine", "quarantine", NULL, "%s", why.text);
    for (int i = 0; i < count; i++) {
        const struct quarantine_entry *n = &notes[i];
        const struct set_plugin *p = set_find(&d->set, n->plugin);
        char about[80], at[36], todo[300];
        plugin_about(about, n->plugin);
        if (p && !p->off && quarantine_is_older(n, d->set.number, d->set.at_ms))
            continue; /* turned on again since then: the note is void, and goes */
        clock_format_instant(n->at_ms, d->house.config.zone_min, at);
        snprintf(todo, sizeof(todo),
                 "install a mended version, or `muster plugin enable %s` when its cause is gone; until then it is off",
                 n->plugin);
        doctor_say(d, DOCTOR_WRONG, "doctor.quarantine", about, todo, "it brought the server down at %s in %s: %s", at,
                   n->command, n->reason);
    }
    free(notes);
}

void doctor_processes(struct doctor *d)
{
    struct child_crash *list = NULL;
    struct err why = {0};
    int count = 0;
    if (child_box_sees_files())
        doctor_say(d, DOCTOR_NOTE, "doctor.landlock", "kernel", "take a kernel with Landlock (Debian's has it)",
                   "without Landlock a plugin in a process of its own could read files while it is loaded");
    if (child_crash_read(d->house.data, &list, &count, &why) != 0)
        doctor_say(d, DOCTOR_WRONG, "doctor.crash", "crashes", NULL, "%s", why.text);
    for (int i = 0; i < count; i++) {
        char about[80], at[36];
        int same = 1;
        bool told = false;
        for (int k = 0; k < i && !told; k++)
            told = strcmp(list[k].plugin, list[i].plugin) == 0;
        if (told)
            continue;
        for (int k = i + 1; k < count; k++)
            same += strcmp(list[k].plugin, list[i].plugin) == 0;
        bool fresh = list[i].at_ms > d->now_ms - CRASH_DAYS * 24LL * 3600 * 1000;
        plugin_about(about, list[i].plugin);
        clock_format_instant(list[i].at_ms, d->house.config.zone_min, at);
        doctor_say(d, fresh ? DOCTOR_WRONG : DOCTOR_NOTE, "doctor.crash", about,
                   "tell its author, with the records in the folder crashes; delete them there when it is mended",
                   "its process crashed %d time%s, last at %s in %s %s: %s", same, same == 1 ? "" : "s", at,
                   list[i].version, list[i].command, list[i].how);
    }
    free(list);
}
