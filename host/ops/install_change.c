#include "ops/install_commands.h"

#include "base/crashpoint.h"
#include "ops/install_stage.h"
#include "plugin/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* plugin.upload and plugin.stage on the slow lane, plugin.activate on the writer's, and plugin.settle, which is the
 * host's own way to write down that a generation is proved.
 *
 * An upload waits in tmp under its hash, so that a plugin and what it requires, each a request of its own, can be staged
 * together; the next start, or an hour, removes what was not used. */

enum { UPLOADS_MAX = 64, UPLOAD_SECONDS = 3600 };

int install_guard(const struct call *call, struct err *err)
{
    const struct calls *c = calls_of(call);
    if (!c->identity->admin)
        return err_rule(err, ERR_NOPERM, "access.admin_only", NULL, "only an administrator changes plugins");
    if (!c->site || !c->site->data_dir)
        return err_rule(err, ERR_STATE, "plugin.no_folder", NULL, "this host has no data folder to install into");
    return guard_whole_server(call, err);
}

/* -- uploads -- */

static bool is_hash(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.data[i] >= '0' && s.data[i] <= '9') || (s.data[i] >= 'a' && s.data[i] <= 'f')))
            return false;
    return s.len == 64;
}

static int upload_path(struct slice hash, char out[SHELF_PATH_BYTES], struct err *err)
{
    if (!is_hash(hash))
        return err_rule(err, ERR_ARG, "arg.range", "uploaded", "uploads are named by their sha256, 64 hex digits");
    snprintf(out, SHELF_PATH_BYTES, "plugins/tmp/upload-%.64s", hash.data);
    return 0;
}

/* Remove old uploads, and what was being written when it could not be finished: files are written by this thread alone.
 * Refuse more uploads than there may be. */
static int make_room(const struct site *site, struct err *err)
{
    char dir[SHELF_PATH_BYTES];
    int count = 0;
    snprintf(dir, sizeof(dir), "%s/plugins/tmp", site->data_dir);
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        if (strncmp(e->d_name, SHELF_HALF "-", strlen(SHELF_HALF "-")) == 0)
            unlinkat(dirfd(d), e->d_name, 0);
        if (strncmp(e->d_name, "upload-", 7) != 0 || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (st.st_mtime + UPLOAD_SECONDS < time(NULL))
            unlinkat(dirfd(d), e->d_name, 0);
        else
            count++;
    }
    if (d)
        closedir(d);
    return count < UPLOADS_MAX ? 0
                               : err_rule(err, ERR_LIMIT, "plugin.uploads", NULL,
                                          "%d uploads wait already; stage them, or wait an hour", count);
}

int install_upload(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct site *site = calls_of(call)->site;
    struct package_info info = {0};
    char name[SHELF_PATH_BYTES], keys[SHELF_PATH_BYTES];
    int rv = install_guard(call, err);
    if (rv == 0)
        rv = make_room(site, err);
    if (rv != 0)
        return rv;
    snprintf(keys, sizeof(keys), "%s/keys", site->data_dir);
    rv = package_check(args[0].s, keys, !site->developer, &info, err);
    if (rv == 0)
        rv = upload_path(slice_of(info.hash), name, err);
    if (rv == 0)
        rv = shelf_write(site->data_dir, name, args[0].s, err);
    if (rv == 0) {
        reply_map_open(reply);
        reply_key_cstr(reply, "name", info.name);
        reply_key_cstr(reply, "version", info.version);
        reply_key_cstr(reply, "sha256", info.hash);
        reply_key_cstr(reply, "signer", info.signer);
        reply_close(reply);
    }
    package_info_close(&info);
    return rv;
}

static int read_upload(const struct site *site, struct slice hash, struct buf *out, struct err *err)
{
    char name[SHELF_PATH_BYTES], path[2 * SHELF_PATH_BYTES], chunk[16384];
    int rv = upload_path(hash, name, err);
    if (rv != 0)
        return rv;
    snprintf(path, sizeof(path), "%s/%s", site->data_dir, name);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_rule(err, ERR_NOTFOUND, "plugin.upload", "uploaded", "there is no upload %.12s…; send it again",
                        hash.data);
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        buf_append(out, chunk, n);
    fclose(f);
    return 0;
}

static int read_uploads(const struct site *site, const struct value *list, struct buf *files, struct stage_wish *wish,
                        struct err *err)
{
    json_t *hashes = list->type == VALUE_JSON ? json_loadb(list->s.data, list->s.len, 0, NULL) : NULL;
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < json_array_size(hashes); i++) {
        const json_t *item = json_array_get(hashes, i);
        if (wish->npackages == STAGE_PACKAGES_MAX) {
            rv = err_rule(err, ERR_LIMIT, "plugin.too_many", "uploaded", "at most %d packages are staged at once",
                          STAGE_PACKAGES_MAX);
            break;
        }
        struct buf *file = &files[wish->npackages];
        rv = read_upload(site, (struct slice){json_string_value(item), json_string_length(item)}, file, err);
        if (rv == 0)
            wish->packages[wish->npackages++] = buf_view(file);
    }
    json_decref(hashes);
    return rv;
}

/* What was staged stands on the shelf; what was refused is sent again. */
static void drop_uploads(const struct site *site, const struct value *list)
{
    json_t *hashes = list->type == VALUE_JSON ? json_loadb(list->s.data, list->s.len, 0, NULL) : NULL;
    for (size_t i = 0; i < json_array_size(hashes); i++) {
        char name[SHELF_PATH_BYTES], path[2 * SHELF_PATH_BYTES];
        const json_t *item = json_array_get(hashes, i);
        struct err ignored = {0};
        if (upload_path((struct slice){json_string_value(item), json_string_length(item)}, name, &ignored) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", site->data_dir, name);
        unlink(path);
    }
    json_decref(hashes);
}

/* -- staging -- */

static enum stage_kind kind_of(struct slice word)
{
    static const char *const words[] = {"install", "upgrade", "rollback", "enable", "disable", "remove", "reload"};
    int i = 0;
    while (!slice_is(word, words[i]))
        i++;
    return (enum stage_kind)i;
}

int install_stage(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct calls *c = calls_of(call);
    struct stage_wish wish = {.user = call->user, .to = args[4].type == VALUE_INT ? args[4].i : 0};
    struct buf *files = mem_zalloc(STAGE_PACKAGES_MAX * sizeof(*files));
    char name[64] = "";
    const struct set *set = NULL;
    int rv = install_guard(call, err);
    if (rv == 0 && args[1].type != VALUE_NULL)
        wish.packages[wish.npackages++] = args[1].s;
    if (rv == 0)
        rv = read_uploads(c->site, &args[2], files, &wish, err);
    if (rv == 0) {
        snprintf(name, sizeof(name), "%.*s", (int)text_arg(&args[3]).len, text_arg(&args[3]).data);
        wish.name = name[0] ? name : NULL;
        wish.kind = kind_of(args[0].s);
        rv = stage_build(c, &wish, &set, err);
    }
    if (rv == 0)
        plan_write(set->plan, set->number, reply);
    if (wish.npackages)
        drop_uploads(c->site, &args[2]);
    for (int i = 0; i < STAGE_PACKAGES_MAX; i++)
        buf_close(&files[i]);
    free(files);
    return rv;
}

/* -- withdrawing -- */

/* Behind this question in the writer's queue nothing can take the stage any more, and what took it before is recorded. */
static void wait_for_writer(struct lanes *l)
{
    const struct slice words[] = {SLICE("plugin.settle"), SLICE("generation=9007199254740991")};
    struct buf reply = {0};
    struct err refused = {0};
    lanes_ask(l, words, 2, &reply, &refused);
    buf_close(&reply);
}

int install_withdraw(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    struct calls *c = calls_of(call);
    int64_t last = 0;
    int rv = install_guard(call, err);
    if (rv == 0 && stage_latest() != args[0].i)
        rv = err_rule(err, ERR_STATE, "generation.gone", "stage", "stage %lld is not offered any more",
                      (long long)args[0].i);
    if (rv != 0)
        return rv;
    lanes_offer(c->lanes, NULL);
    stage_forget();
    wait_for_writer(c->lanes);
    rv = stage_tidy(c, &last, err);
    if (rv == 0 && last == args[0].i)
        rv = err_rule(err, ERR_STATE, "generation.active", "stage", "stage %lld runs already; use rollback",
                      (long long)last);
    if (rv == 0)
        reply_bool(reply, true);
    return rv;
}

/* -- activating -- */

/* What the one before is from now on: given up, or left while it was watched. One that was proved stays so. */
static int leave(struct call *call, const struct plan *plan, struct err *err)
{
    if (plan->failed)
        return record_state(call->store, plan->failed, STATE_FAILED, plan->why, call->received_ms, err);
    const struct value args[] = {value_int(call->received_ms), value_int(plan->base)};
    return store_run(call->store,
                     "UPDATE muster_generation SET state = 'left', changed_at = ? WHERE id = ? AND state = 'probation'",
                     args, 2, err);
}

static int check_base(const struct call *call, const struct plan *plan, struct err *err)
{
    int64_t running = registry_generation(calls_of(call)->registry);
    return running == plan->base ? 0
                                 : err_rule(err, ERR_CONFLICT, "generation.moved", "stage",
                                            "this was planned for generation %lld, but %lld runs now; stage it again",
                                            (long long)plan->base, (long long)running);
}

/* Somebody may have taken his trust back since it was staged. */
static int check_keys(const struct site *site, const struct plan *plan, struct err *err)
{
    char keys[SHELF_PATH_BYTES];
    snprintf(keys, sizeof(keys), "%s/keys", site->data_dir);
    for (int i = 0; i < plan->npackages; i++) {
        const struct package_row *p = &plan->packages[i];
        if (p->key_id[0] && !package_key_is_trusted(keys, p->key_id))
            return err_rule(err, ERR_POLICY, "package.key", NULL,
                            "%s %s was signed with the key %s, which is not trusted any more", p->name, p->version,
                            p->signer);
    }
    return 0;
}

static int check_who(const struct call *call, const struct plan *plan, struct err *err)
{
    if (plan->failed && !calls_of(call)->identity->host)
        return err_rule(err, ERR_NOPERM, "access.host_only", NULL, "the host goes back by itself");
    return 0;
}

int install_activate(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    int rv = install_guard(call, err);
    if (rv != 0)
        return rv;
    struct registry *r = call_offered(call, args[0].i);
    const struct set *set = r ? registry_set(r) : NULL;
    if (!set || !set->plan)
        return err_rule(err, ERR_STATE, "generation.gone", "stage",
                        "stage %lld is not offered any more: another was staged, or the server was started again; "
                        "stage it again",
                        (long long)args[0].i);
    rv = check_who(call, set->plan, err);
    if (rv == 0)
        rv = check_base(call, set->plan, err);
    if (rv == 0)
        rv = check_keys(calls_of(call)->site, set->plan, err);
    if (rv == 0)
        rv = plan_check_accepted(set->plan, &args[1], err);
    if (rv == 0)
        rv = set_migrate(call->store, r, err);
    if (rv == 0)
        rv = leave(call, set->plan, err);
    if (rv == 0)
        rv = record_write(call->store, set, set->plan->packages, set->plan->npackages, err);
    if (rv == 0)
        rv = call_switch(call, set->number, err);
    if (rv != 0)
        return rv;
    crash_point("rows written, not committed");
    call_access_changed(call);
    reply_map_open(reply);
    reply_key_int(reply, "generation", set->number);
    reply_key_cstr(reply, "state", set->state);
    reply_key_int(reply, "probation_ms", set->plan->proved ? 0 : calls_of(call)->site->probation_ms);
    reply_close(reply);
    return 0;
}

int install_settle(struct call *call, const struct value *args, struct reply *reply, struct err *err)
{
    const struct calls *c = calls_of(call);
    if (!c->identity->host)
        return err_rule(err, ERR_NOPERM, "access.host_only", NULL, "the host alone says that a generation is proved");
    if (registry_generation(c->registry) != args[0].i)
        return err_rule(err, ERR_CONFLICT, "generation.moved", "generation", "another generation runs now");
    /* With a reason it is not proved, and stays watched. */
    const struct value row[] = {value_cstr(args[1].type == VALUE_NULL ? STATE_GOOD : STATE_PROBATION), args[1],
                                value_int(call->received_ms), args[0]};
    int rv = store_run(call->store,
                       "UPDATE muster_generation SET state = ?, why = ?, changed_at = ? WHERE id = ? AND state ="
                       " 'probation'",
                       row, 4, err);
    if (rv == 0)
        reply_bool(reply, true);
    return rv;
}
