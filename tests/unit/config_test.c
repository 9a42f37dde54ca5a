/* The configuration file: data, checked to the letter, with messages that say what is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "ops/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/muster-config-XXXXXX";

/* Load `text` as a file. */
static int load(const char *text, struct config *c, struct err *err)
{
    *err = (struct err){0};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    return config_load(path, c, err);
}

static void defaults_hold_without_a_file(void **state)
{
    (void)state;
    struct config c;
    struct err err = {0};
    assert_int_equal(config_load(NULL, &c, &err), 0);
    assert_string_equal(c.host, "127.0.0.1");
    assert_int_equal(c.port, 7878);
    assert_int_equal(c.lines, LINES_LOCAL);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_int_equal(c.zone_min, 480);
    assert_int_equal(c.limits.line_bytes, 65536);
    assert_int_equal(c.limits.output_hard, 32 * 1024 * 1024);
    assert_null(c.disabled[0]);
    config_close(&c);
}

static void settings_of_every_type_are_taken(void **state)
{
    (void)state;
    struct config c;
    struct err err;
    assert_int_equal(
        load("local big = 2 * 1024\n"
             "return { host = \"::1\", port = 0, lines = \"all\", log_level = \"debug\", zone = \"-03:30\",\n"
             " disabled = { \"echo\", \"notes\" }, lanes = { readers = 3 },\n"
             " native_keys = { \"house\" }, probation_s = 5, developer = true,\n"
             " limits = { idle_ms = 60000, line_bytes = big, connections = 7 } }",
             &c, &err),
        0);
    assert_string_equal(c.host, "::1");
    assert_int_equal(c.port, 0);
    assert_int_equal(c.lines, LINES_ALL);
    assert_int_equal(c.log_level, LOG_DEBUG);
    assert_int_equal(c.zone_min, -210);
    assert_string_equal(c.disabled[0], "echo");
    assert_string_equal(c.disabled[1], "notes");
    assert_null(c.disabled[2]);
    assert_string_equal(c.native_keys[0], "house");
    assert_null(c.native_keys[1]);
    assert_int_equal(c.probation_s, 5);
    assert_true(c.developer);
    assert_int_equal(c.readers, 3);
    assert_int_equal(c.limits.idle_ms, 60000);
    assert_int_equal(c.limits.line_bytes, 2048);
    assert_int_equal(c.limits.connections, 7);
    assert_int_equal(c.limits.args, 1024);
    config_close(&c);
}

/* What is printed as documentation is a file that changes nothing. */
static void printed_configuration_loads_as_the_defaults(void **state)
{
    (void)state;
    struct config printed, plain;
    struct err err;
    struct buf text = {0};
    config_print(&text);
    int rv = load(buf_cstr(&text), &printed, &err);
    if (rv)
        fail_msg("%s", err.text);
    assert_int_equal(config_load(NULL, &plain, &err), 0);
    assert_string_equal(printed.host, plain.host);
    assert_int_equal(printed.zone_min, plain.zone_min);
    assert_int_equal(printed.lines, plain.lines);
    assert_int_equal(printed.idem_keep_days, plain.idem_keep_days);
    assert_memory_equal(&printed.limits, &plain.limits, sizeof(plain.limits));
    config_close(&printed);
    config_close(&plain);
    buf_close(&text);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rule, *says;
    } table[] = {
        {"return { prot = 1 }", "config.unknown", "did you mean port?"},
        {"return { conections = 1 }", "config.unknown", "did you mean limits.connections?"},
        {"return { limits = { conections = 1 } }", "config.unknown",
         "limits.conections; did you mean limits.connections?"},
        {"return { limits = { port = 1 } }", "config.unknown", "limits.port; did you mean port?"},
        {"return { quite_another_thing = 1 }", "config.unknown", "there is no setting quite_another_thing"},
        {"return { 1 }", "config.unknown", "settings have names"},
        {"return { port = 65536 }", "config.range", "port = 65536 is not within 0 to 65535"},
        {"return { port = -1 }", "config.range", "not within"},
        {"return { limits = { args = 0 } }", "config.range", "limits.args = 0"},
        {"return { port = \"7878\" }", "config.type", "port is a whole number, not a string"},
        {"return { port = 1.5 }", "config.type", "not a fraction"},
        {"return { host = 1 }", "config.type", "host is a text, not a number"},
        {"return { host = function() end }", "config.type", "not a function"},
        {"return { host = \"a\\0b\" }", "config.range", "without NUL"},
        {"return { lines = \"some\" }", "config.range", "off, local, all"},
        {"return { zone = \"8\" }", "config.range", "+08:00"},
        {"return { zone = \"+25:00\" }", "config.range", "+08:00"},
        {"return { limits = 1 }", "config.type", "limits is a table"},
        {"return { disabled = \"echo\" }", "config.type", "a list of names"},
        {"return { disabled = { echo = true } }", "config.range", "a list of at most"},
        {"return { disabled = { 1 } }", "config.type", "not a number"},
        {"return 1", "config.syntax", "it returns a number"},
        {"", "config.syntax", "it returns a nil"},
        {"return {", "config.syntax", "expected"},
        {"\x1bLua", "config.syntax", "binary"},
        {"while true do end", "config.syntax", "runs too long"},
        {"return os.exit()", "config.syntax", "nil value"},
        {"return { host = tostring(1) }", "config.syntax", "nil value"},
        {"local t = {} for i = 1, 1e9 do t[i] = i end", "config.syntax", ""},
        {"local s = \"aaaaaaaaaaaaaaaa\" for i = 1, 60 do s = s .. s end", "config.syntax", "memory"},
        {"return setmetatable({}, {})", "config.syntax", "nil value"},
        {"error({})", "config.syntax", ""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct config c;
        struct err err;
        int rv = load(table[i].text, &c, &err);
        if (rv != ERR_ARG || strcmp(err.rule, table[i].rule) != 0 || !strstr(err.text, table[i].says))
            fail_msg("%s: %d %s %s", table[i].text, rv, err.rule, err.text);
        assert_non_null(strstr(err.text, path));
        assert_null(c.host);
    }
}

static void file_is_named_when_it_cannot_be_read(void **state)
{
    (void)state;
    struct config c;
    struct err err = {0};
    assert_int_equal(config_load("/tmp/muster/no/such/file", &c, &err), ERR_IO);
    assert_non_null(strstr(err.text, "/tmp/muster/no/such/file"));
    assert_int_equal(config_load("/dev/zero", &c, &err), ERR_IO);
    assert_int_equal(config_load("/tmp", &c, &err), ERR_IO);
}

static void too_large_a_file_is_refused(void **state)
{
    (void)state;
    char *text = malloc(70000);
    memset(text, ' ', 69999);
    text[69999] = '\0';
    struct config c;
    struct err err;
    assert_int_equal(load(text, &c, &err), ERR_IO);
    assert_non_null(strstr(err.text, "at most 65536 bytes"));
    free(text);
}

/* Every number of the configuration is a limit that clients can see, with its unit. */
static void limits_are_rows(void **state)
{
    (void)state;
    struct config c;
    struct err err;
    struct limit_row rows[CONFIG_LIMIT_ROWS];
    assert_int_equal(load("return { limits = { line_bytes = 4096, sign_in_ms = 1234 } }", &c, &err), 0);
    int count = config_limit_rows(&c, rows), seen = 0;
    assert_true(count > 20 && count <= CONFIG_LIMIT_ROWS);
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].name, "line_bytes") == 0) {
            assert_int_equal(rows[i].value, 4096);
            assert_string_equal(rows[i].unit, "bytes");
            assert_string_equal(rows[i].phase, "after sign-in");
            seen++;
        } else if (strcmp(rows[i].name, "sign_in_ms") == 0) {
            assert_int_equal(rows[i].value, 1234);
            assert_string_equal(rows[i].unit, "ms");
            assert_string_equal(rows[i].phase, "before sign-in");
            seen++;
        }
        assert_string_not_equal(rows[i].name, "port");
    }
    assert_int_equal(seen, 2);
    config_close(&c);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_file),
        cmocka_unit_test(settings_of_every_type_are_taken),
        cmocka_unit_test(printed_configuration_loads_as_the_defaults),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(file_is_named_when_it_cannot_be_read),
        cmocka_unit_test(too_large_a_file_is_refused),
        cmocka_unit_test(limits_are_rows),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
