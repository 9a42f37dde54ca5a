/* What the sandbox costs a fund.give: two hosts in one process, on copies of one database, one as it is and one without the sandbox (Lua's
 * own libraries and allocator, no deadline), in alternating rounds. Counted is the CPU time of the whole process.
 *
 *   bench_sandbox DATA/muster.db SHARE [ROUNDS [GIVES]]
 */
#include "access/identity.h"
#include "base/log.h"
#include "ops/commands.h"
#include "ops/embed.h"
#include "plugin/package.h"
#include "script/watchdog.h"
#include "wire/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct err err;

#define MUST(claim) ((claim) ? (void)0 : die(#claim))

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_sandbox: %s: %s %s\n", what, err.rule, err.text);
    exit(1);
}

static void copy_database(const char *from, const char *to)
{
    const struct store_options options = {.path = from};
    struct store *s;
    MUST(store_open(&options, STORE_READER, &s, &err) == 0);
    MUST(store_copy(s, to, &err) == 0);
    store_close(s);
}

static struct embed *open_host(const char *template, const char *path, const char *share, bool bare)
{
    char plugins[500], lib[500];
    struct registry *registry;
    struct embed *host;
    copy_database(template, path);
    snprintf(plugins, sizeof(plugins), "%s/plugins", share);
    snprintf(lib, sizeof(lib), "%s/api/lib", share);
    const char *const without[] = {"cnkit", "pictures", NULL};
    const struct registry_sources sources = {
        .plugins_dir = plugins, .lib_dir = lib, .disabled = without, .host = host_commands};
    MUST(registry_load(&sources, 1, &registry, &err) == 0);
    const struct lanes_options options = {.db_path = path,
                                          .registry = registry,
                                          .readers = 1,
                                          .zone_min = 480,
                                          .scratch = true,
                                          .limits = {.bare = bare}};
    MUST(embed_open(&options, &host, &err) == 0);
    registry_unref(registry);
    return host;
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of CPU for one gift. */
static double give(struct embed *host, struct identity *who, int gives)
{
    const struct slice words[] = {SLICE("fund.give"),        SLICE("fund=DUES"),     SLICE("donor=M001"),
                                  SLICE("amount_fen=10000"), SLICE("on=2020-03-01"), SLICE("confirm=1")};
    struct buf reply = {0};
    const double started = cpu();
    for (int i = 0; i < gives; i++) {
        buf_clear(&reply);
        MUST(embed_call(host, who, "en", 1583136000000, words, 6, &reply, &err) == 0);
        if (reader_error(buf_view(&reply), &err))
            die("fund.give");
    }
    const double took = (cpu() - started) / gives;
    buf_close(&reply);
    return took;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const int rounds = argc > 3 ? atoi(argv[3]) : 401, gives = argc > 4 ? atoi(argv[4]) : 50;
    char dir[] = "/dev/shm/muster-bench-XXXXXX", path[2][100];
    if (argc < 3 || rounds < 1 || rounds > 1000 || gives < 1) {
        fputs("Usage: bench_sandbox DATA/muster.db SHARE [ROUNDS [GIVES]]\n", stderr);
        return 2;
    }
    log_set_level(LOG_WARN);
    MUST(mkdtemp(dir));
    struct embed *hosts[2];
    struct identity *who = identity_host();
    double us[2][1000], ratio[1000];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/%d", dir, i);
        MUST(mkdir(path[i], 0700) == 0);
        strcat(path[i], "/muster.db");
        hosts[i] = open_host(argv[1], path[i], argv[2], i == 1);
        give(hosts[i], who, gives); /* warm */
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++)
            us[(round + i) % 2][round] = give(hosts[(round + i) % 2], who, gives);
        ratio[round] = (us[0][round] / us[1][round] - 1) * 100;
    }
    for (int i = 0; i < 2; i++) {
        qsort(us[i], (size_t)rounds, sizeof(double), by_size);
        embed_close(hosts[i]);
    }
    qsort(ratio, (size_t)rounds, sizeof(double), by_size);
    printf("fund.give, CPU of the process, %d rounds of %d, middle (from the 10th to the 90th of 100):\n", rounds,
           gives);
    for (int i = 0; i < 2; i++)
        printf("  %-19s %7.2f us  (%.2f to %.2f)\n", i == 0 ? "as it is" : "without the sandbox", us[i][rounds / 2],
               us[i][rounds / 10], us[i][rounds * 9 / 10]);
    printf("  difference          %+7.2f %%   (%+.2f to %+.2f, round by round)\n", ratio[rounds / 2],
           ratio[rounds / 10], ratio[rounds * 9 / 10]);
    identity_unref(who);
    return folder_remove(dir, &err) == 0 ? 0 : 1;
}
