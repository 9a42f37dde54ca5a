#include "ops/install_start.h"

#include "base/clock.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "plugin/live.h"
#include "ops/install_stage.h"
#include "plugin/shelf.h"
#include "script/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The start looks at the record, the notes of quarantine and the files, in that order of trust: what an operator decided
 * stays decided; a note counts when it was written while the newest generation ran, so that going back, or turning
 * a plugin on again, makes an old note void.
 *
 * It runs on the main thread, with connections of its own, before the lanes are opened: first a reader, then for one
 * transaction the writer. Two servers starting at once are told apart by the writer's lock. */

struct start {
    const struct site *site;
    struct store *reader;
    int64_t last;
    struct set base, before, next; /* before: the one before a base that is watched */
    struct quarantine_entry *notes;
    int nnotes;
    const struct quarantine_entry *guilty; /* … of ending the generation that was watched; NULL: it goes on */
};

static bool begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

static const struct quarantine_entry *note_of(const struct start *s, const char *plugin)
{
    for (int i = 0; i < s->nnotes; i++)
        if (strcmp(s->notes[i].plugin, plugin) == 0)
            return &s->notes[i];
    return NULL;
}

/* The names of the plugins that were being tried out when the process ended, since *since_ms; "" when none were. */
static void read_mark(const struct start *s, struct buf *names, int64_t *since_ms)
{
    char path[SHELF_PATH_BYTES], line[100];
    struct stat st;
    snprintf(path, sizeof(path), "%s/" STAGE_MARK, s->site->data_dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    if (fstat(fileno(f), &st) == 0)
        *since_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    buf_text(names, "\n");
    while (names->len < 10000 && fgets(line, sizeof(line), f))
        buf_text(names, line);
    fclose(f);
}

/* A note about a package that was being tried out says nothing of what is installed. */
static void drop_notes_of_staged(struct start *s, const char *folder, bool clear)
{
    struct buf names = {0};
    int64_t since_ms = 0;
    int kept = 0;
    read_mark(s, &names, &since_ms);
    for (int i = 0; i < s->nnotes; i++) {
        char line[80];
        struct err ignored = {0};
        snprintf(line, sizeof(line), "\n%s\n", s->notes[i].plugin);
        if (!names.len || s->notes[i].at_ms < since_ms || !strstr(buf_cstr(&names), line)) {
            s->notes[kept++] = s->notes[i];
            continue;
        }
        if (!clear)
            continue;
        log_error("plugin",
                  "a package of %s ended the server while it was tried out (%s in %s); what was installed runs on",
                  s->notes[i].plugin, s->notes[i].reason, s->notes[i].command);
        quarantine_clear(folder, s->notes[i].plugin, &ignored);
    }
    s->nnotes = kept;
    buf_close(&names);
}

static int read_notes(struct start *s, bool clear, struct err *err)
{
    char folder[SHELF_PATH_BYTES];
    if (!s->site->data_dir)
        return 0;
    snprintf(folder, sizeof(folder), "%s/quarantine", s->site->data_dir);
    int rv = quarantine_read(folder, &s->notes, &s->nnotes, err);
    if (rv == 0 && s->nnotes)
        drop_notes_of_staged(s, folder, clear);
    return rv;
}

/* -- what the operator and the notes say -- */

int install_verify(const struct site *site, struct store *store, const struct set_plugin *p, struct err *err)
{
    char path[SHELF_PATH_BYTES];
    struct buf sums = {0};
    snprintf(path, sizeof(path), "%s/%s", site->data_dir, p->folder);
    int rv = record_sums(store, p->package_hash, &sums, err);
    if (rv == 0)
        rv = err_rule(err, ERR_NOTFOUND, "package.unknown", NULL, "the record does not know the package of %s %s",
                      p->name, p->version);
    if (rv == 1)
        rv = package_verify_folder(path, buf_view(&sums), err);
    buf_close(&sums);
    return rv;
}

static bool still_noted(const struct start *s, const struct set_plugin *p)
{
    return begins(p->off, OFF_QUARANTINE) && note_of(s, p->name);
}

/* What came with the program is found anew, unless an operator turned it off. */
static void forget_transient(struct start *s)
{
    for (int i = s->next.count - 1; i >= 0; i--) {
        struct set_plugin *p = &s->next.plugins[i];
        bool stays = p->off && (strcmp(p->off, OFF_DISABLED) == 0 || still_noted(s, p));
        if (stays)
            continue;
        if (p->folder)
            set_turn_off(&s->next, p->name, NULL);
        else
            set_remove(&s->next, p->name);
    }
}

static bool is_written(const struct start *s, const char *name)
{
    struct live live = {0};
    struct err ignored = {0};
    bool found = false;
    if (s->site->live_dir)
        live_find(s->site->live_dir, &live, &ignored);
    for (int i = 0; !found && i < live.count; i++)
        found = strcmp(live.plugins[i].name, name) == 0;
    return found;
}

static bool came_with_program(const struct start *s, const char *name)
{
    char path[SHELF_PATH_BYTES];
    return s->site->bundled_dir &&
           snprintf(path, sizeof(path), "%s/%s/manifest.lua", s->site->bundled_dir, name) < SHELF_PATH_BYTES &&
           access(path, F_OK) == 0;
}

static void turn_off(struct start *s, const char *name, const char *why)
{
    if (set_find(&s->next, name) || came_with_program(s, name) || is_written(s, name))
        set_turn_off(&s->next, name, why);
}

/* Does the note speak of something that the watched generation has changed? */
static bool is_of_change(const struct start *s, const struct quarantine_entry *note)
{
    const struct set_plugin *p = set_find(&s->base, note->plugin);
    return p && !p->off && !set_same_plugin(set_find(&s->before, note->plugin), p);
}

static void take_decisions(struct start *s)
{
    for (const char *const *name = s->site->disabled; name && *name; name++)
        turn_off(s, *name, OFF_CONFIG);
    for (int i = 0; i < s->nnotes; i++) {
        const struct quarantine_entry *note = &s->notes[i];
        char why[400];
        if ((s->guilty && is_of_change(s, note)) || quarantine_is_older(note, s->base.number, s->base.at_ms))
            continue; /* it speaks of what is given up, or of an earlier set */
        snprintf(why, sizeof(why), OFF_QUARANTINE "%s in %s", note->reason, note->command);
        turn_off(s, note->plugin, why);
    }
}

static void verify_packages(struct start *s)
{
    for (int i = 0; i < s->next.count; i++) {
        struct set_plugin *p = &s->next.plugins[i];
        struct err why = {0};
        char text[400];
        if (!p->folder || p->off || install_verify(s->site, s->reader, p, &why) == 0)
            continue;
        snprintf(text, sizeof(text), OFF_CHANGED "%.300s", why.text);
        log_error("plugin", "%s %s does not run: %s", p->name, p->version, why.text);
        set_turn_off(&s->next, p->name, text);
    }
}

/* -- the set -- */

/* The note that ended the generation while it was watched. What the generation has not changed goes into quarantine by
 * itself. */
static const struct quarantine_entry *find_guilty(const struct start *s)
{
    for (int i = 0; i < s->nnotes; i++)
        if (!quarantine_is_older(&s->notes[i], s->base.number, s->base.at_ms) && is_of_change(s, &s->notes[i]))
            return &s->notes[i];
    return NULL;
}

static int choose_base(struct start *s, struct err *err)
{
    int rv = record_last(s->reader, &s->last, err);
    if (rv == 0)
        rv = record_read(s->reader, s->last, &s->base, err);
    if (rv < 0)
        return rv;
    if (s->base.previous && strcmp(s->base.state, STATE_PROBATION) == 0) {
        rv = record_read(s->reader, s->base.previous, &s->before, err);
        if (rv < 0)
            return rv;
        s->guilty = find_guilty(s);
    }
    if (!s->guilty) {
        set_copy(&s->base, &s->next);
        return 0;
    }
    set_copy(&s->before, &s->next);
    log_warn("plugin", "generation %lld is given up: %s (%s)", (long long)s->last, s->guilty->plugin,
             s->guilty->reason);
    return 0;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = mem_dup(text);
}

static void name_next(struct start *s)
{
    char reason[400] = "start";
    if (s->guilty)
        snprintf(reason, sizeof(reason), "back from %lld: %s, %s", (long long)s->last, s->guilty->plugin,
                 s->guilty->reason);
    for (int i = 0; !s->guilty && i < s->next.count; i++)
        if (begins(s->next.plugins[i].off, OFF_QUARANTINE))
            snprintf(reason, sizeof(reason), "start, %s: %.300s", s->next.plugins[i].name, s->next.plugins[i].off);
    s->next.number = s->last + 1;
    /* What is watched is watched to its end, with the same way back, whatever else this start has found. */
    const bool watched = !s->guilty && s->before.number;
    s->next.previous = s->guilty ? 0 : watched ? s->before.number : s->last;
    s->next.at_ms = clock_now_ms();
    set_text(&s->next.user, "muster");
    set_text(&s->next.reason, reason);
    set_text(&s->next.state, watched ? STATE_PROBATION : STATE_GOOD);
}

/* -- recording -- */

static int leave_base(const struct start *s, struct store *store, int64_t now_ms, struct err *err)
{
    if (s->guilty)
        return record_state(store, s->last, STATE_FAILED, s->guilty->reason, now_ms, err);
    if (s->last && strcmp(s->base.state, STATE_PROBATION) == 0)
        return record_state(store, s->last, STATE_LEFT, NULL, now_ms, err);
    return 0;
}

static int write_down(const struct start *s, struct store *store, const struct registry *r, struct err *err)
{
    const struct store_request request = {.at_ms = clock_now_ms()};
    struct buf ignored = {0};
    int rv = store_batch_begin(store, err);
    if (rv == 0)
        rv = store_command_begin(store, &request, &ignored, err);
    if (rv == STORE_NEW)
        rv = s->guilty ? set_migrate(store, r, err) : 0;
    if (rv == 0)
        rv = leave_base(s, store, request.at_ms, err);
    if (rv == 0)
        rv = record_write(store, registry_set(r), NULL, 0, err);
    if (rv == 0)
        rv = store_command_end(store, &request, (struct slice){"", 0}, err);
    if (rv == 0)
        rv = store_batch_commit(store, err);
    else
        store_batch_abort(store);
    if (rv == 0)
        crash_point("start recorded");
    buf_close(&ignored);
    return rv > 0 ? err_set(err, ERR_BUSY, "the generation of this start could not be recorded; start again") : rv;
}

/* The writer's lock says that no other server works here: only then may tmp be emptied. */
static int record(const struct start *s, const char *db_path, const struct registry *r, bool same, struct err *err)
{
    const struct store_options options = {.path = db_path};
    struct store *store = NULL;
    int rv = store_open(&options, STORE_WRITER, &store, err);
    if (rv == 0 && s->site->data_dir) {
        rv = shelf_open(s->site->data_dir, err);
        folder_stale(s->site->data_dir, SHELF_LOOK, true);
    }
    if (rv == 0)
        rv = migrate_host(store, err);
    if (rv >= 0 && !same)
        rv = write_down(s, store, r, err);
    rv = rv < 0 ? rv : 0;
    store_close(store);
    return rv;
}

/* -- all of it -- */

static bool has(const char *asks, const char *word)
{
    struct buf missing = {0};
    install_added(asks, word, &missing);
    bool found = missing.len == 0;
    buf_close(&missing);
    return found;
}

/* A manifest is code, and may say another thing each time it is read. Where machine code runs is not its decision but the
 * configuration's. */
static void find_more(const struct set_plugin *agreed, const struct set_plugin *found, struct buf *more)
{
    struct buf may = {0};
    buf_text(&may, agreed->asks);
    if (has(agreed->asks, "native") || has(agreed->asks, "process"))
        buf_text(&may, " native process");
    install_added(buf_cstr(&may), found->asks, more);
    buf_close(&may);
}

/* Turn off what asks for more than somebody has agreed to. Returns how many. */
static int turn_off_greedy(struct start *s, const struct set *found)
{
    int count = 0;
    for (int i = 0; i < s->next.count; i++) {
        struct set_plugin *p = &s->next.plugins[i];
        const struct set_plugin *now = set_find(found, p->name);
        struct buf more = {0};
        char text[400];
        if (p->folder && !p->off && now && !now->off)
            find_more(p, now, &more);
        if (more.len) {
            snprintf(text, sizeof(text), OFF_CHANGED "its manifest now asks for more: %.300s", buf_cstr(&more));
            log_error("plugin", "%s %s does not run: %s", p->name, p->version, text);
            set_turn_off(&s->next, p->name, text);
            count++;
        }
        buf_close(&more);
    }
    return count;
}

static int compose(struct start *s, struct registry **out, struct err *err)
{
    forget_transient(s);
    take_decisions(s);
    verify_packages(s);
    name_next(s);
    int rv = set_load(s->site, &s->next, out, err);
    while (rv == 0 && turn_off_greedy(s, registry_set(*out)) > 0) {
        registry_unref(*out);
        rv = set_load(s->site, &s->next, out, err);
    }
    return rv;
}

/* The generation before cannot run either: stay with this one, and leave the guilty out. */
static int compose_anyway(struct start *s, struct registry **out, struct err *err)
{
    int rv = compose(s, out, err);
    if (rv == 0 || !s->guilty)
        return rv;
    log_error("plugin", "the generation before cannot run either: %s", err->text);
    s->guilty = NULL;
    set_close(&s->next);
    set_copy(&s->base, &s->next);
    return compose(s, out, err);
}

static int load_nothing(const struct site *site, int64_t number, struct registry **out, struct err *err)
{
    const struct registry_sources none = {.lib_dir = site->lib_dir, .host = site->host};
    log_warn("plugin", "safe mode: no plugin runs");
    return registry_load(&none, number, out, err);
}

/* Everything is as recorded: that generation goes on. */
static void go_on(const struct start *s, struct registry *r)
{
    struct set *found = (struct set *)(uintptr_t)registry_set(r);
    struct set head = s->base, keep = *found;
    head.count = 0;
    set_copy(&head, found);
    found->plugins = keep.plugins;
    found->count = keep.count;
    keep.plugins = NULL;
    keep.count = 0;
    set_close(&keep);
    registry_renumber(r, s->base.number);
}

static int settle(struct start *s, const char *db_path, bool do_record, struct registry **out, struct err *err)
{
    int rv = compose_anyway(s, out, err);
    if (rv != 0)
        return rv;
    bool same = s->last && !s->guilty && set_same(registry_set(*out), &s->base);
    if (same)
        go_on(s, *out);
    if (do_record)
        rv = record(s, db_path, *out, same, err);
    if (rv != 0) {
        registry_unref(*out);
        *out = NULL;
    }
    return rv;
}

int install_start(const struct site *site, const char *db_path, bool do_record, struct registry **out, struct err *err)
{
    struct start s = {.site = site};
    const struct store_options options = {.path = db_path};
    *out = NULL;
    int rv = store_open(&options, STORE_READER, &s.reader, err);
    if (rv == 0)
        rv = read_notes(&s, do_record, err);
    if (rv == 0)
        rv = choose_base(&s, err);
    if (rv == 0)
        rv = site->safe_mode ? load_nothing(site, s.last, out, err) : settle(&s, db_path, do_record, out, err);
    if (rv == 0 && do_record)
        quarantine_generation(registry_generation(*out));
    store_close(s.reader);
    set_close(&s.base);
    set_close(&s.before);
    set_close(&s.next);
    free(s.notes);
    return rv;
}
