#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/dev.h"
#include "cli/house.h"
#include "cli/keep.h"
#include "net/server.h"
#include "ops/install_start.h"
#include "ops/probation.h"
#include "plugin/capsule.h"
#include "plugin/child_crash.h"
#include "script/quarantine.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The server program: options, configuration, signals, and the loop.
 *
 *   options ─► config ─► which plugins (install_start) ─► --check: report, end
 *                                          └─► server_start ─► "listening on" ─► loop ─► SIGTERM: drain ─► end
 *
 * SIGHUP reads certificates, log level and limits again. A second SIGTERM ends at once; the database survives that. */

enum { EXPIRY_WARN_DAYS = 30, SIGNALS = 3 };

static const char manual[] =
    "Usage: muster serve --data DIR [OPTIONS]\n\n"
    "Serves the data folder that `muster init` made, until SIGTERM: what runs is finished first.\n\n"
    "  --data DIR      holds ca.pem, server.pem, server.key and muster.db (or MUSTER_DATA)\n"
    "  --config FILE   settings, a Lua table (default: DIR/config.lua, if there is one)\n"
    "  --host ADDRESS  listen on this address (default 127.0.0.1; 0.0.0.0 is every interface)\n"
    "  --port N        default 7878; 0 takes any free one (or MUSTER_PORT)\n"
    "  --plugins DIR   folder of plugins (default: those that came with the program)\n"
    "  --dev DIR       write plugins: DIR is one plugin's folder, or holds several; what is saved there runs at once\n"
    "  --safe-mode     run no plugin at all: to disable, upgrade or remove one that does harm\n"
    "  --keep          start it again whenever it has crashed\n"
    "  --check         load everything, say what would happen, and end; exit status 0 if it would start\n"
    "  --print-config  print a configuration file with every setting, its default and its meaning\n\n"
    "When it is ready it prints `muster: listening on ADDRESS:PORT`. SIGHUP takes up new certificates, log level and limits.\n\n"
    "With --dev the plugins in DIR run beside those that came with the program, in place of one of the same name. Whenever\n"
    "a .lua, .c, .h or .sql file is saved, C files are compiled, the plugins are loaded and tried out on a copy of the\n"
    "database as if they were installed, and then take over between two requests; one line says what has changed. What\n"
    "cannot run is told with file, line and advice, and the code before goes on. The native code of DIR is trusted, and\n"
    "each migration is applied at once: use a data folder made for this (`muster init --data DIR`).\n";

struct serve {
    const char *host, *faults;
    int port; /* -1: the configuration's */
    bool check, keep, print_config, amnesia, unsafe_sql;
    struct house house;
    struct probation *probation;
    struct registry *registry;
    struct server *server;
    struct dev *dev; /* with --dev */
    char live[PATH_MAX];
    uv_signal_t signals[SIGNALS];
    bool stopping;
};

/* -- options -- */

/* Switches that break promises on purpose; they exist only when the tests say so. */
static bool testing(void)
{
    const char *on = getenv("MUSTER_TEST");
    return on && strcmp(on, "1") == 0;
}

/* The path from the root: "." would stay the folder that is deleted, when another takes its place. */
static const char *absolute(const char *path, char *out, size_t size)
{
    char here[PATH_MAX];
    return path[0] != '/' && getcwd(here, sizeof(here)) && (size_t)snprintf(out, size, "%s/%s", here, path) < size
               ? out
               : path;
}

static bool parse_port(const char *text, int *out)
{
    char *end;
    long port = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || port < 0 || port > 65535)
        return false;
    *out = (int)port;
    return true;
}

enum { OPT_CHECK = 1000, OPT_KEEP, OPT_SAFE_MODE, OPT_DEV, OPT_PRINT_CONFIG, OPT_FAULTS, OPT_AMNESIA, OPT_UNSAFE_SQL };

static bool take_test_option(struct serve *s, int option, const char *value)
{
    switch (option) {
    case OPT_FAULTS:
        s->faults = value;
        break;
    case OPT_AMNESIA:
        s->amnesia = true;
        break;
    case OPT_UNSAFE_SQL:
        s->unsafe_sql = true;
        break;
    default:
        return false;
    }
    return testing();
}

/* -1: go on; otherwise the exit status. */
static int parse(struct serve *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"config", required_argument, NULL, 'c'},
        {"host", required_argument, NULL, 'H'},
        {"port", required_argument, NULL, 'p'},
        {"plugins", required_argument, NULL, 'P'},
        {"check", no_argument, NULL, OPT_CHECK},
        {"dev", required_argument, NULL, OPT_DEV},
        {"safe-mode", no_argument, NULL, OPT_SAFE_MODE},
        {"keep", no_argument, NULL, OPT_KEEP},
        {"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
        {"help", no_argument, NULL, 'h'},
        {"faults", required_argument, NULL, OPT_FAULTS},
        {"amnesia", no_argument, NULL, OPT_AMNESIA},
        {"unsafe-sql", no_argument, NULL, OPT_UNSAFE_SQL},
        {NULL, 0, NULL, 0},
    };
    s->port = -1;
    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            s->house.data = optarg;
            break;
        case 'c':
            s->house.config_path = optarg;
            break;
        case 'H':
            s->host = optarg;
            break;
        case 'P':
            s->house.plugins = optarg;
            break;
        case OPT_CHECK:
            s->check = true;
            break;
        case OPT_DEV:
            s->house.live = absolute(optarg, s->live, sizeof(s->live));
            break;
        case OPT_SAFE_MODE:
            s->house.safe_mode = true;
            break;
        case OPT_KEEP:
            s->keep = true;
            break;
        case OPT_PRINT_CONFIG:
            s->print_config = true;
            break;
        case 'p':
            if (!parse_port(optarg, &s->port))
                return cli_misuse("serve", "--port %s: a port is a number from 0 to 65535", optarg);
            break;
        case 'h':
            fputs(manual, stdout);
            return 0;
        case ':':
            return cli_misuse("serve", "%s needs a value", argv[optind - 1]);
        default:
            if (!take_test_option(s, c, optarg))
                return cli_misuse("serve", "unknown option %s", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return cli_misuse("serve", "what is %s? serve takes options only", argv[optind]);
    if (!s->house.data)
        s->house.data = getenv("MUSTER_DATA");
    const char *port = getenv("MUSTER_PORT");
    if (s->port < 0 && port && !parse_port(port, &s->port))
        return cli_misuse("serve", "MUSTER_PORT=%s: a port is a number from 0 to 65535", port);
    return s->house.data || s->print_config
               ? -1
               : cli_misuse("serve", "which data folder? --data DIR, made by `muster init --data DIR`");
}

static int print_config(void)
{
    struct buf out = {0};
    config_print(&out);
    fwrite(out.data, 1, out.len, stdout);
    buf_close(&out);
    return fflush(stdout) == 0 ? 0 : 9;
}

/* -- what it is made of -- */

/* A folder with packages is somebody's work, perhaps. */
static void warn_of_packages(const struct registry *r)
{
    const struct set *set = registry_set(r);
    for (int i = 0; set && i < set->count; i++)
        if (set->plugins[i].folder) {
            log_warn("dev", "packages are installed in this data folder, %s for one: is it made for trying out?",
                     set->plugins[i].name);
            return;
        }
}

static int load(struct serve *s, struct err *err)
{
    int rv = house_open(&s->house, err);
    if (rv == 0 && s->house.live)
        rv = dev_build(s->house.live, err);
    /* Before any of their code is loaded. */
    if (rv == 0 && !s->check)
        rv = quarantine_start(s->house.quarantine, err);
    if (rv == 0 && !s->check)
        child_crash_start(s->house.data);
    if (rv == 0 && !s->check)
        capsule_start(s->house.data);
    if (rv == 0)
        rv = install_start(&s->house.site, s->house.db, !s->check && !s->house.safe_mode, &s->registry, err);
    if (rv == 0 && s->house.site.developer)
        log_warn("serve", "developer mode: packages that nobody has signed are taken");
    if (rv == 0 && s->house.live)
        warn_of_packages(s->registry);
    return rv;
}

static struct tls_files tls_files(const struct serve *s)
{
    return (struct tls_files){.ca = s->house.ca, .cert = s->house.cert, .key = s->house.key};
}

static struct server_options server_options(struct serve *s)
{
    const struct config *c = &s->house.config;
    struct server_options o = {
        .host = s->host ? s->host : c->host,
        .port = s->port >= 0 ? s->port : c->port,
        .tls = tls_files(s),
        .registry = s->registry,
        .lanes = house_lanes(&s->house),
        .limits = c->limits,
        .lines = (enum server_lines)c->lines,
        .drain_ms = c->drain_ms,
        .version = MUSTER_VERSION,
    };
    o.lanes.faults = s->faults;
    o.lanes.unsafe_sql = s->unsafe_sql;
    o.lanes.limits.amnesia = s->amnesia;
    o.lanes.tick = probation_tick;
    o.lanes.tick_arg = s->probation;
    return o;
}

/* -- --check -- */

static int check_certificate(const struct serve *s, struct err *err)
{
    struct tls_files files = tls_files(s);
    struct tls_endpoint *endpoint = NULL;
    int rv = tls_server_new(&files, NULL, &endpoint, err);
    if (rv != 0)
        return rv;
    char until[36];
    int64_t expires = tls_endpoint_expires_ms(endpoint), now = clock_now_ms();
    tls_endpoint_unref(endpoint);
    clock_format_instant(expires, 0, until);
    if (expires <= now)
        return err_set(err, ERR_STATE, "%s has expired (%s)", s->house.cert, until);
    printf("certificate %s is valid until %s%s\n", s->house.cert, until,
           expires - now < EXPIRY_WARN_DAYS * 86400000LL ? ": renew it soon" : "");
    return 0;
}

/* Plugins, and the migrations a start would apply. A reader looks, so that a running server does not mind. */
static int check_plugins(const struct serve *s, struct err *err)
{
    const struct plugin *const *plugins;
    const struct store_options options = {.path = s->house.db};
    struct store *store = NULL;
    int count = registry_plugins(s->registry, &plugins);
    int rv = store_open(&options, STORE_READER, &store, err);
    for (int i = 0; rv == 0 && i < count; i++) {
        const struct migration *list;
        int n = registry_migrations(s->registry, plugins[i]->name, &list);
        int pending = migrate_pending(store, plugins[i]->name, list, n, err);
        if (pending < 0)
            rv = pending;
        else
            printf("plugin %s %s: %d commands, %d figures, %d of %d migrations to apply\n", plugins[i]->name,
                   plugins[i]->version, plugins[i]->commands, plugins[i]->figures, pending, n);
    }
    store_close(store);
    return rv;
}

static int check(struct serve *s, struct err *err)
{
    struct server_options o = server_options(s);
    printf("configuration %s\nplugins from %s\n", s->house.config_path ? s->house.config_path : "(defaults)",
           s->house.plugins);
    int rv = check_plugins(s, err);
    if (rv == 0)
        rv = check_certificate(s, err);
    if (rv == 0)
        printf("would listen on %s:%d\n", o.host, o.port);
    return rv;
}

/* -- the loop -- */

static void reload(struct serve *s)
{
    struct err err = {0};
    struct config fresh;
    struct tls_files files = tls_files(s);
    if (config_load(s->house.config_path, &fresh, &err) != 0) {
        log_error("serve", "settings stay as they are: %s", err.text);
        return;
    }
    log_set_level((enum log_level)fresh.log_level);
    if (server_reload(s->server, &files, &fresh.limits, &err) != 0)
        log_error("serve", "certificates and limits stay as they are: %s", err.text);
    else
        log_info("serve", "certificates, log level and limits are taken up; other settings wait for a restart");
    config_close(&fresh);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct serve *s = handle->data;
    if (number == SIGHUP) {
        reload(s);
    } else if (!s->stopping) {
        s->stopping = true;
        server_drain(s->server);
    } else {
        log_warn("serve", "ended at once, as asked twice");
        _exit(1);
    }
}

static void watch_signals(struct serve *s, uv_loop_t *loop)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(loop, &s->signals[i]);
        s->signals[i].data = s;
        uv_signal_start(&s->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&s->signals[i]); /* the loop ends when the server's own handles have closed */
    }
}

/* Each connection is a descriptor. */
static void raise_descriptors(const struct config *c)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)c->limits.connections + 64)
        log_warn("serve", "the system allows %llu open files, too few for %d connections",
                 (unsigned long long)limit.rlim_max, c->limits.connections);
}

static int run(struct serve *s, struct err *err)
{
    /* Neither the loop nor the signals are ever closed: a SIGTERM that comes while the process ends must find its handler, or it
     * would turn a clean end into a death by signal. */
    static uv_loop_t loop;
    s->probation = probation_new();
    struct server_options options = server_options(s);
    raise_descriptors(&s->house.config);
    if (uv_loop_init(&loop) != 0)
        return err_set(err, ERR_INTERNAL, "the event loop could not be made");
    int rv = server_start(&loop, &options, &s->server, err);
    if (rv == 0 && s->house.live && dev_start(&loop, s->server, s->house.live, &s->dev, err) != 0) {
        rv = err->code;
        server_drain(s->server);
        uv_run(&loop, UV_RUN_DEFAULT);
        server_free(s->server);
    }
    if (rv == 0) {
        watch_signals(s, &loop);
        const char *colon = strchr(options.host, ':');
        printf("muster: listening on %s%s%s:%d\n", colon ? "[" : "", options.host, colon ? "]" : "",
               server_port(s->server));
        fflush(stdout);
        uv_run(&loop, UV_RUN_DEFAULT);
        /* As a crash to whoever keeps it: a new start finds out what the database is. */
        if (server_fenced(s->server))
            rv = err_set(err, ERR_INTERNAL, "nothing could be written any more; start it again");
        server_free(s->server);
    }
    return rv;
}

int cli_serve(int argc, char **argv)
{
    static struct serve serve;
    struct serve *s = &serve;
    struct err err = {0};
    int status = parse(s, argc, argv);
    if (status < 0 && s->print_config)
        status = print_config();
    else if (status < 0 && s->keep && !s->check)
        status = keep_run(argc, argv);
    if (status < 0) {
        int rv = load(s, &err);
        if (rv == 0)
            rv = s->check ? check(s, &err) : run(s, &err);
        status = rv == 0 ? 0 : cli_fail("serve", &err);
        if (rv != 0 && s->house.live && *dev_advice(&err))
            fprintf(stderr, "%s\n", dev_advice(&err) + 1);
    }
    dev_free(s->dev);
    registry_unref(s->registry);
    probation_free(s->probation);
    house_close(&s->house);
    return status;
}
