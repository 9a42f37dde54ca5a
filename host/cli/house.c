#include "cli/house.h"

#include "base/log.h"
#include "cli/beside.h"
#include "ops/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int join(char out[HOUSE_PATH_BYTES], const char *dir, const char *name, struct err *err)
{
    int len = snprintf(out, HOUSE_PATH_BYTES, "%s/%s", dir, name);
    return len < HOUSE_PATH_BYTES ? 0 : err_set(err, ERR_ARG, "%s/%s: the path is too long", dir, name);
}

static int find_files(struct house *h, struct err *err)
{
    const struct {
        char *path;
        const char *name;
    } files[] = {{h->ca, "ca.pem"},    {h->cert, "server.pem"},       {h->key, "server.key"},
                 {h->db, "muster.db"}, {h->own_config, "config.lua"}, {h->quarantine, "quarantine"}};
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < sizeof(files) / sizeof(*files); i++)
        rv = join(files[i].path, h->data, files[i].name, err);
    if (rv == 0 && access(h->db, R_OK | W_OK) != 0)
        rv = err_set(err, ERR_IO, "%s cannot be read and written; `muster init --data %s` makes a data folder", h->db,
                     h->data);
    if (rv == 0 && !h->config_path && access(h->own_config, R_OK) == 0)
        h->config_path = h->own_config;
    return rv;
}

/* An option beats the configuration, and that beats where the program came from. */
static int find_share(struct house *h, struct err *err)
{
    char share[BESIDE_PATH_BYTES];
    beside_share_dir(share);
    int rv = join(h->plugins_dir, share, "plugins", err);
    if (rv == 0)
        rv = join(h->lib_dir, share, "api/lib", err);
    if (!h->plugins)
        h->plugins = h->config.plugins_dir[0] ? h->config.plugins_dir : h->plugins_dir;
    return rv;
}

int house_open(struct house *h, struct err *err)
{
    int rv = find_files(h, err);
    if (rv == 0)
        rv = config_load(h->defaults ? NULL : h->config_path, &h->config, err);
    if (rv == 0)
        rv = find_share(h, err);
    if (rv != 0)
        return rv;
    log_set_level((enum log_level)h->config.log_level);
    h->site = (struct site){
        .data_dir = h->data,
        .bundled_dir = h->plugins,
        .live_dir = h->live,
        .lib_dir = h->config.lib_dir[0] ? h->config.lib_dir : h->lib_dir,
        .native_dir = beside_native_dir(h->native_dir),
        .host = host_commands,
        .disabled = h->config.disabled,
        .native_keys = h->config.native_keys,
        .probation_ms = h->config.probation_s * 1000,
        .developer = h->config.developer,
        .safe_mode = h->safe_mode,
    };
    return 0;
}

void house_close(struct house *h)
{
    config_close(&h->config);
}

struct lanes_options house_lanes(struct house *h)
{
    const struct config *c = &h->config;
    return (struct lanes_options){
        .db_path = h->db,
        .readers = c->readers,
        .mailbox = c->mailbox,
        .batch_commands = c->batch_commands,
        .batch_ms = c->batch_ms,
        .zone_min = c->zone_min,
        .idem_keep_ms = (int64_t)c->idem_keep_days * 24 * 3600 * 1000,
        .limits =
            {
                .soft_bytes = (size_t)c->script_memory_mib << 20,
                .grace_ms = c->script_grace_ms,
                .reply_bytes = (size_t)c->reply_mib << 20,
                .suspend = true,
            },
        .limit_rows = h->rows,
        .nlimit_rows = config_limit_rows(c, h->rows),
        .site = &h->site,
    };
}
