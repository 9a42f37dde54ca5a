#include "base/log.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char line[8192];

/* Run one log_write of `text` with standard error going to a pipe; `line` holds what came out. */
static void capture(enum log_level level, const char *text)
{
    int ends[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_write(level, "net", "%s", text);
    dup2(before, STDERR_FILENO);
    close(before);
    ssize_t n = read(ends[0], line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = '\0';
    close(ends[0]);
}

/* The part behind the time stamp. */
static const char *logged(const char *text)
{
    capture(LOG_WARN, text);
    const char *space = strchr(line, ' ');
    assert_non_null(space);
    return space + 1;
}

/* Time, level, module, text, and one newline at the end. */
static void a_line_has_its_four_parts(void **state)
{
    (void)state;
    assert_string_equal(logged("peer gone"), "warn net: peer gone\n");
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_non_null(strchr(line, 'Z'));
}

/* A client that puts a newline into its name must not be able to write a line of its own. */
static void control_characters_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(logged("a\nb\rc\td"), "warn net: a\\nb\\rc\\td\n");
    assert_string_equal(logged("\x1b[2J\x7f"), "warn net: \\x1b[2J\\x7f\n");
}

/* U+009B begins a terminal command too, and so may a byte that is not UTF-8. */
static void c1_controls_and_stray_bytes_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(logged("\xc2\x9b"
                               "2J"),
                        "warn net: \\x9b2J\n");
    assert_string_equal(logged("\x9b"), "warn net: \\x9b\n");
    assert_string_equal(logged("中文全 é"), "warn net: 中文全 é\n");
}

/* A line is at most 2 KiB with its newline, and ends between two characters, whatever the text is. */
static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "é", "中", "𠀀", "\x1b"};
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        for (size_t lead = 0; lead < 4; lead++) {
            char text[4096] = "";
            memset(text, 'a', lead);
            while (strlen(text) < 4000)
                strcat(text, units[u]);
            capture(LOG_ERROR, text);
            size_t len = strlen(line);
            assert_in_range(len, 2040, 2048);
            assert_int_equal(line[len - 1], '\n');
            assert_true(utf8_valid(slice_of(line)));
        }
    }
}

/* Lines below the level cost nothing and say nothing. */
static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    log_set_level(LOG_WARN);
    capture(LOG_INFO, "no");
    assert_string_equal(line, "");
    log_set_level(LOG_DEBUG);
    assert_int_equal(log_get_level(), LOG_DEBUG);
    capture(LOG_DEBUG, "yes");
    assert_non_null(strstr(line, "debug net: yes\n"));
    log_set_level(LOG_INFO);
}

/* Logging on an error path must not change the error. */
static void errno_survives_a_log_line(void **state)
{
    (void)state;
    int before = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ENOSPC;
    log_write(LOG_ERROR, "net", "nobody can read this");
    int after = errno;
    dup2(before, STDERR_FILENO);
    close(before);
    assert_int_equal(after, ENOSPC);
}

/* The four words of the configuration, and no others. */
static void level_names_are_read(void **state)
{
    (void)state;
    assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
    assert_int_equal(log_level_parse("error"), LOG_ERROR);
    assert_int_equal(log_level_parse("Error"), -1);
    assert_int_equal(log_level_parse(""), -1);
    assert_int_equal(log_level_parse(NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_four_parts),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(c1_controls_and_stray_bytes_are_escaped),
        cmocka_unit_test(long_lines_are_cut_between_characters),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(errno_survives_a_log_line),
        cmocka_unit_test(level_names_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
