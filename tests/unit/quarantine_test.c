#include "base/clock.h"
#include "base/thread.h"
#include "script/quarantine.h"
#include "script/watchdog.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Notes of plugins that brought the process down: written, read, cleared, and left by a process that crashes. */

static char dir[64], folder[100];

static int open_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/muster-quarantine-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(folder, sizeof(folder), "%s/quarantine", dir);
    return 0;
}

static int close_dir(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(quarantine_start(NULL, NULL), 0);
    return system(command);
}

static int read_all(struct quarantine_entry **out)
{
    int count = 0;
    assert_int_equal(quarantine_read(folder, out, &count, NULL), 0);
    return count;
}

/* What is written can be read, in order of names; clearing takes one away. */
static void notes_are_read_back(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    struct err err = {0};
    assert_int_equal(quarantine_start(folder, &err), 0);
    quarantine_note("supply", "supply.count", "it crashed");
    quarantine_note("fund", "fund.gift.add", "it went on");
    assert_int_equal(read_all(&e), 2);
    assert_string_equal(e[0].plugin, "fund");
    assert_string_equal(e[0].command, "fund.gift.add");
    assert_string_equal(e[0].reason, "it went on");
    assert_true(llabs(clock_now_ms() - e[0].at_ms) < 60000);
    assert_string_equal(e[1].plugin, "supply");
    free(e);
    assert_int_equal(quarantine_clear(folder, "fund", &err), 0);
    assert_int_equal(quarantine_clear(folder, "fund", &err), ERR_NOTFOUND);
    assert_string_equal(err.text, "plugin fund is not in quarantine");
    assert_int_equal(read_all(&e), 1);
    free(e);
}

/* A note says which generation ran, and that decides, whatever the clock said; without a number the time does. */
static void notes_are_older_by_their_generation(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    assert_int_equal(quarantine_start(folder, NULL), 0);
    quarantine_generation(7);
    quarantine_note("fund", "fund.gift.add", "it went on");
    quarantine_generation(8);
    quarantine_note("supply", "supply.count", "it crashed");
    quarantine_generation(0);
    quarantine_note("tree", "tree.cut", "it fell");
    const int64_t later = clock_now_ms() + 3600000;
    assert_int_equal(read_all(&e), 3);
    assert_int_equal(e[0].generation, 7);
    assert_true(quarantine_is_older(&e[0], 8, 0));
    assert_int_equal(e[1].generation, 8);
    assert_false(quarantine_is_older(&e[1], 8, later));
    assert_int_equal(e[2].generation, 0);
    assert_true(quarantine_is_older(&e[2], 8, later));
    assert_false(quarantine_is_older(&e[2], 8, 0));
    for (int i = 0; i < 3; i++)
        quarantine_clear(folder, e[i].plugin, NULL);
    free(e);
}

/* The latest note of a plugin counts. */
static void a_note_replaces_the_one_before(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    assert_int_equal(quarantine_start(folder, NULL), 0);
    quarantine_note("fund", "fund.a", "a long reason that is cut off by the next one");
    quarantine_note("fund", "fund.b", "short");
    assert_int_equal(read_all(&e), 1);
    assert_string_equal(e[0].command, "fund.b");
    assert_string_equal(e[0].reason, "short");
    free(e);
}

/* Texts can't add lines of their own, and long ones are cut. */
static void texts_are_tamed(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    char longer[400];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(quarantine_start(folder, NULL), 0);
    quarantine_note("fund", "a\nplugin=other", longer);
    assert_int_equal(read_all(&e), 1);
    assert_string_equal(e[0].plugin, "fund");
    assert_string_equal(e[0].command, "a?plugin=other");
    assert_int_equal(strlen(e[0].reason), sizeof(e[0].reason) - 1);
    free(e);
}

/* Only plugins are noted: never the host, and no name that could be a path. */
static void only_plugins_are_noted(void **state)
{
    (void)state;
    static const char *const names[] = {"muster", "../fund", "", "Fund", "a/b", ".", NULL};
    struct quarantine_entry *e;
    assert_int_equal(quarantine_start(folder, NULL), 0);
    for (int i = 0; i < 7; i++)
        quarantine_note(names[i], "c", "r");
    assert_int_equal(read_all(&e), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(quarantine_clear(folder, names[i], NULL), ERR_NOTFOUND);
}

/* Without a folder nothing is written, and a missing one has no notes. */
static void no_folder_has_no_notes(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    assert_int_equal(quarantine_start(NULL, NULL), 0);
    quarantine_note("fund", "c", "r");
    assert_int_equal(read_all(&e), 0);
    assert_null(e);
}

/* A note whose writer was cut short still names its plugin; other files are not notes. */
static void half_a_note_counts(void **state)
{
    (void)state;
    static const char *const files[] = {"fund", "README.txt"};
    struct quarantine_entry *e;
    char path[200];
    assert_int_equal(quarantine_start(folder, NULL), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(i == 0 ? "plugin=fund\ncomm" : "hello", f);
        fclose(f);
    }
    assert_int_equal(read_all(&e), 1);
    assert_string_equal(e[0].plugin, "fund");
    assert_string_equal(e[0].command, "?");
    free(e);
}

/* -- crashes -- */

static const char *running_plugin; /* NULL: none */
static void (*crash)(void);

static int *volatile nowhere;
static volatile int depth_max = 1 << 30;

static void write_wrong(void)
{
    *nowhere = 1;
}

static int use_up_stack(int depth)
{
    volatile char room[4096];
    room[depth % 4096] = 1;
    return depth == depth_max ? 0 : use_up_stack(depth + 1) + room[depth % 4096];
}

static void overflow(void)
{
    use_up_stack(0);
}

static void *run_lane(void *arg)
{
    struct frame frame = {.plugin = running_plugin, .command = "demo.crash"};
    struct watch *w = watch_enter(NULL, 1000);
    (void)arg;
    if (running_plugin)
        frame_enter(w, &frame);
    crash();
    return NULL;
}

/* A process with one lane that crashes. The signal it died by; 0: none. */
static int crash_apart(const char *plugin, void (*how)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        alarm(30);
        running_plugin = plugin;
        crash = how;
        if (quarantine_start(folder, NULL) == 0 && watchdog_start(NULL) == 0 &&
            thread_start(&thread, "lane", run_lane, NULL) == 0)
            pthread_join(thread, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void check_crash(void (*how)(void), int number, const char *reason)
{
    struct quarantine_entry *e;
    assert_int_equal(crash_apart("demo", how), number);
    assert_int_equal(read_all(&e), 1);
    assert_string_equal(e[0].plugin, "demo");
    assert_string_equal(e[0].command, "demo.crash");
    assert_non_null(strstr(e[0].reason, reason));
    free(e);
}

/* The process dies by the signal itself, and has left the note. */
static void a_wrong_address_is_noted(void **state)
{
    (void)state;
    check_crash(write_wrong, SIGSEGV, "SIGSEGV");
}

/* The handler has a stack of its own. */
static void a_used_up_stack_is_noted(void **state)
{
    (void)state;
    check_crash(overflow, SIGSEGV, "SIGSEGV");
}

static void an_assertion_is_noted(void **state)
{
    (void)state;
    check_crash(abort, SIGABRT, "SIGABRT");
}

/* A crash of the host while no plugin runs is nobody's fault here, nor is one in a host's command. */
static void crashes_of_the_host_are_not_noted(void **state)
{
    (void)state;
    struct quarantine_entry *e;
    assert_int_equal(crash_apart(NULL, write_wrong), SIGSEGV);
    assert_int_equal(crash_apart("muster", write_wrong), SIGSEGV);
    assert_int_equal(read_all(&e), 0);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dir, close_dir)
    const struct CMUnitTest tests[] = {
        TEST(notes_are_read_back),
        TEST(notes_are_older_by_their_generation),
        TEST(a_note_replaces_the_one_before),
        TEST(texts_are_tamed),
        TEST(only_plugins_are_noted),
        TEST(no_folder_has_no_notes),
        TEST(half_a_note_counts),
    };
    const struct CMUnitTest crashes[] = {
        TEST(a_wrong_address_is_noted),
        TEST(a_used_up_stack_is_noted),
        TEST(an_assertion_is_noted),
        TEST(crashes_of_the_host_are_not_noted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
#ifdef SANITIZED
    (void)crashes; /* their signals belong to the sanitizers */
#else
    failed += cmocka_run_group_tests(crashes, NULL, NULL);
#endif
    return failed;
}
