#include "cli/plugin_link.h"

#include "cli/cell.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "ops/commands.h"
#include "ops/install_start.h"
#include "ops/probation.h"
#include "plugin/args.h"
#include "plugin/package.h"
#include "plugin/shelf.h"
#include "script/quarantine.h"
#include "wire/reader.h"
#include "wire/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A server is asked first. Does none answer there, and does nobody hold the folder's lock, this process becomes the
 * host for as long as it takes: the same commands, the same record, no network. Questions are answered on a copy of the
 * database, so that asking changes nothing; what they show is what the next start would run. */

enum { REPLY_MS = 20 * 60 * 1000, TICK_MS = 100, TICKS = 50 };

static bool local(const char *host)
{
    return !host || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

int link_option(struct plugin_link *link, int option, const char *value, struct err *err)
{
    if (option == LINK_CONFIG)
        link->house.config_path = value;
    else if (option == LINK_PLUGINS)
        link->house.plugins = value;
    else
        return connect_option(&link->connect, option, value, err);
    return 1;
}

/* A copy beside the database, for it holds what the database holds: the lanes may migrate it. */
static int copy_database(struct plugin_link *link, char db[2 * HOUSE_PATH_BYTES], struct err *err)
{
    const struct store_options options = {.path = link->house.db};
    struct store *store = NULL;
    snprintf(link->copy, sizeof(link->copy), "%s/" SHELF_LOOK "%d-XXXXXX", link->house.data, (int)getpid());
    if (!mkdtemp(link->copy)) {
        int rv = err_set(err, ERR_IO, "make a folder %s: %s", link->copy, strerror(errno));
        link->copy[0] = '\0';
        return rv;
    }
    snprintf(db, 2 * HOUSE_PATH_BYTES, "%s/muster.db", link->copy);
    int rv = store_open(&options, STORE_READER, &store, err);
    if (rv == 0)
        rv = store_copy(store, db, err);
    store_close(store);
    return rv;
}

static int open_lanes(struct plugin_link *link, const char *db, struct registry *registry, struct err *err)
{
    struct lanes_options options = house_lanes(&link->house);
    options.db_path = db;
    options.registry = registry;
    options.readers = 1;
    options.scratch = link->look_only;
    if (!link->look_only) {
        link->probation = probation_new();
        options.tick = probation_tick;
        options.tick_arg = link->probation;
    }
    return embed_open(&options, &link->embed, err);
}

static int open_own(struct plugin_link *link, struct err *err)
{
    struct registry *registry = NULL;
    char copy[2 * HOUSE_PATH_BYTES];
    link->house.data = link->connect.data;
    int rv = house_open(&link->house, err);
    if (rv == 0 && store_served(link->house.db) == 1)
        rv = ERR_BUSY;
    if (rv == 0 && link->look_only)
        rv = copy_database(link, copy, err);
    else if (rv == 0)
        rv = quarantine_start(link->house.quarantine, err);
    if (rv == 0)
        rv = install_start(&link->house.site, link->house.db, !link->look_only, &registry, err);
    if (rv == 0)
        rv = open_lanes(link, link->look_only ? copy : link->house.db, registry, err);
    registry_unref(registry);
    return rv;
}

int link_open(struct plugin_link *link, struct err *err)
{
    int rv = connect_settle(&link->connect, err);
    if (rv != 0)
        return rv;
    struct client_options options = connect_options(&link->connect);
    options.proto = 3;
    options.name = "muster-plugin";
    options.timeout_ms = options.timeout_ms ? options.timeout_ms : REPLY_MS;
    rv = client_open(&options, &link->client, err);
    if (rv == 0)
        cell_use_hello(client_hello(link->client));
    if (rv != ERR_IO || !link->connect.data || link->connect.user || !local(link->connect.host))
        return rv;
    struct err own = {0};
    rv = open_own(link, &own);
    if (rv == 0 && link->look_only)
        fputs("no server answers; this is what the next start would run:\n", stderr);
    if (rv == ERR_BUSY) {
        const struct err tried = *err;
        return err_set(err, ERR_IO, "%.300s; a server runs on this folder, but listens elsewhere: name its --port",
                       tried.text);
    }
    if (rv != 0 && err)
        *err = own;
    return rv;
}

/* The host's own tick writes plugins.lock and tidies the shelf: give it the time. */
static void wait_tidy(struct plugin_link *link)
{
    char path[HOUSE_PATH_BYTES + 20], line[100], wanted[64];
    snprintf(path, sizeof(path), "%s/plugins.lock", link->house.data);
    snprintf(wanted, sizeof(wanted), "# generation %lld:", (long long)registry_generation(embed_registry(link->embed)));
    for (int i = 0; i < TICKS; i++) {
        FILE *f = fopen(path, "re");
        bool there = f && fgets(line, sizeof(line), f) && strncmp(line, wanted, strlen(wanted)) == 0;
        if (f)
            fclose(f);
        if (there)
            return;
        usleep(TICK_MS * 1000);
    }
}

void link_close(struct plugin_link *link)
{
    struct err ignored = {0};
    if (link->embed && !link->look_only)
        wait_tidy(link);
    embed_close(link->embed);
    if (link->copy[0])
        folder_remove(link->copy, &ignored);
    probation_free(link->probation);
    client_close(link->client);
    house_close(&link->house);
    connect_close(&link->connect);
    buf_close(&link->reply);
    *link = (struct plugin_link){0};
}

int link_call(struct plugin_link *link, const struct slice *words, int nwords, struct slice *reply, struct err *err)
{
    if (link->client)
        return client_call(link->client, words, nwords, reply, err);
    struct identity *host = identity_host();
    buf_clear(&link->reply);
    int rv = embed_call(link->embed, host, "en", 0, words, nwords, &link->reply, err);
    identity_unref(host);
    *reply = buf_view(&link->reply);
    struct err refused = {0};
    if (rv == 0 && reader_error(*reply, &refused)) {
        if (err)
            *err = refused;
        rv = refused.code;
    }
    return rv;
}

int link_json(struct plugin_link *link, const struct slice *words, int nwords, json_t **out, struct err *err)
{
    struct slice reply;
    struct buf text = {0};
    *out = NULL;
    int rv = link_call(link, words, nwords, &reply, err);
    if (rv == 0)
        rv = render_json(reply, &text);
    if (rv == 0) {
        *out = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
        rv = *out ? 0 : err_set(err, ERR_PROTO, "the reply is not what was expected");
    }
    buf_close(&text);
    return rv;
}

/* The host's commands are known without asking. */
static struct shape *shape_of(struct slice command)
{
    struct shape *shape = NULL;
    struct err ignored = {0};
    for (const struct native_command *const *list = host_commands; *list; list++)
        for (const struct native_command *c = *list; c->name; c++)
            if (slice_is(command, c->name))
                return shape_parse(c->returns, &shape, &ignored) == 0 ? shape : NULL;
    return NULL;
}

static int write_out(const struct buf *out, struct err *err)
{
    return fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0
               ? 0
               : err_set(err, ERR_IO, "cannot write to standard output");
}

int link_show(struct slice command, struct slice reply, bool json, struct err *err)
{
    struct buf out = {0};
    int rv = 0;
    if (json) {
        rv = render_json(reply, &out);
        buf_text(&out, "\n");
    } else {
        struct shape *shape = shape_of(command);
        pretty_reply(reply, shape, &out);
        shape_free(shape);
    }
    if (rv == 0)
        rv = write_out(&out, err);
    buf_close(&out);
    return rv;
}

int link_print(struct plugin_link *link, const struct slice *words, int nwords, bool json, struct err *err)
{
    struct slice reply;
    int rv = link_call(link, words, nwords, &reply, err);
    return rv == 0 ? link_show(words[0], reply, json, err) : rv;
}
