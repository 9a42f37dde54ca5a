#include "base/err.h"
#include "cli/keep.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The keeper, keeping this program instead of a server: started as `serve PLAN FILE`, it appends what happens to FILE
 * and does what PLAN says of its first, second, third … start:
 *   k  dies by a signal     9, 2, 0  exits with that status     w  waits for SIGTERM, then exits with status 5 */

static char file[64];

/* -- the server's part -- */

static void note(const char *path, char what)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (fd < 0 || write(fd, &what, 1) != 1)
        _exit(99);
    close(fd);
}

static const char *noted_in;

static void on_term(int number)
{
    (void)number;
    note(noted_in, 't');
    _exit(5);
}

/* What was noted so far; -1: no such file. */
static int read_notes(const char *path, char *out, int size)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, out, (size_t)size - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return (int)n;
}

static int serve(int argc, char **argv)
{
    char before[100];
    if (argc != 4) /* the word --keep was not taken away */
        return 77;
    noted_in = argv[3];
    signal(SIGTERM, on_term);
    read_notes(noted_in, before, sizeof(before));
    size_t starts = 0;
    for (const char *c = before; *c; c++)
        starts += *c == 's';
    char act = starts < strlen(argv[2]) ? argv[2][starts] : '0';
    note(noted_in, 's');
    alarm(60);
    if (act == 'k')
        kill(getpid(), SIGKILL);
    while (act == 'w')
        pause();
    return act - '0';
}

/* -- the tests -- */

static int make_file(void **state)
{
    (void)state;
    strcpy(file, "/tmp/muster-keep-XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

static pid_t start_keeper(const char *plan)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char words[5][64] = {"serve", "", "", "--keep"};
        strcpy(words[1], plan);
        strcpy(words[2], file);
        char *argv[] = {words[0], words[3], words[1], words[2], NULL};
        alarm(60);
        _exit(keep_run(4, argv));
    }
    return pid;
}

static int status_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_notes(const char *expected)
{
    char notes[100];
    read_notes(file, notes, sizeof(notes));
    assert_string_equal(notes, expected);
}

static void wait_for_notes(const char *expected)
{
    char notes[100];
    for (int i = 0; i < 2000; i++) {
        read_notes(file, notes, sizeof(notes));
        if (strcmp(notes, expected) == 0)
            return;
        usleep(10000);
    }
    fail_msg("notes %s instead of %s", notes, expected);
}

/* It is started again after each death, until it ends by itself. */
static void a_crashed_server_is_started_again(void **state)
{
    (void)state;
    assert_int_equal(status_of(start_keeper("kk0")), 0);
    check_notes("sss");
}

/* What can't start will not start the next time either: a wrong option, a wrong configuration, a missing file. */
static void a_refusal_at_the_first_start_is_the_end(void **state)
{
    (void)state;
    assert_int_equal(status_of(start_keeper("2")), 2);
    assert_int_equal(status_of(start_keeper("s9")), err_exit_status(ERR_INTERNAL));
    check_notes("ss");
}

/* After a crash a start may fail for a while: the port is still taken, say. */
static void a_failed_start_after_a_crash_is_tried_again(void **state)
{
    (void)state;
    assert_int_equal(status_of(start_keeper("k90")), 0);
    check_notes("sss");
}

/* SIGTERM reaches the server, and the keeper ends as it did. */
static void the_servers_end_is_the_keepers(void **state)
{
    (void)state;
    pid_t keeper = start_keeper("kw");
    wait_for_notes("ss");
    kill(keeper, SIGTERM);
    assert_int_equal(status_of(keeper), 5);
    check_notes("sst");
}

/* A keeper that is killed takes the server with it, as gently as SIGTERM does. */
static void a_killed_keeper_leaves_no_server(void **state)
{
    (void)state;
    pid_t keeper = start_keeper("w");
    int status;
    wait_for_notes("s");
    kill(keeper, SIGKILL);
    assert_int_equal(waitpid(keeper, &status, 0), keeper);
    wait_for_notes("st");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        TEST(a_crashed_server_is_started_again),
        TEST(a_refusal_at_the_first_start_is_the_end),
        TEST(a_failed_start_after_a_crash_is_tried_again),
        TEST(the_servers_end_is_the_keepers),
        TEST(a_killed_keeper_leaves_no_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
