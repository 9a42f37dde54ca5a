/* Packages: what an ordinary archive tool can put into a file, and what of it is taken. Archives are made here entry by entry, with
 * libarchive, because no honest packer makes them. */
#include "plugin/package.h"
#include "tls/random.h"
#include "tls/sign.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

/* -- making archives -- */

struct maker {
    struct archive *archive;
    char *bytes;
    size_t used;
    struct buf sums;
};

enum { ROOM = 8 * 1024 * 1024 };

static void begin_wrapped(struct maker *m, int times)
{
    *m = (struct maker){.archive = archive_write_new(), .bytes = malloc(ROOM)};
    assert_non_null(m->bytes);
    for (int i = 0; i < times; i++)
        archive_write_add_filter_gzip(m->archive);
    archive_write_set_format_pax_restricted(m->archive);
    assert_int_equal(archive_write_open_memory(m->archive, m->bytes, ROOM, &m->used), ARCHIVE_OK);
}

static void begin(struct maker *m)
{
    begin_wrapped(m, 1);
}

static void add(struct maker *m, const char *path, unsigned type, const char *link, const char *data, size_t len)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, path);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    if (link && type == AE_IFLNK)
        archive_entry_set_symlink(e, link);
    else if (link)
        archive_entry_set_hardlink(e, link);
    archive_entry_set_size(e, type == AE_IFREG && !link ? (int64_t)len : 0);
    assert_true(archive_write_header(m->archive, e) >= ARCHIVE_WARN);
    if (type == AE_IFREG && !link && len)
        assert_int_equal(archive_write_data(m->archive, data, len), len);
    archive_entry_free(e);
}

/* A file below demo-1.0.0/plugin/, also in the list. Names come in order. */
static void add_file(struct maker *m, const char *name, const char *data, size_t len)
{
    char path[600], hex[65];
    unsigned char hash[32];
    const struct slice bytes = {data, len};
    snprintf(path, sizeof(path), "demo-1.0.0/plugin/%s", name);
    add(m, path, AE_IFREG, NULL, data, len);
    sha256(&bytes, 1, hash);
    hex_encode(hash, sizeof(hash), hex);
    buf_fmt(&m->sums, "%s  plugin/%s\n", hex, name);
}

static void add_text(struct maker *m, const char *name, const char *text)
{
    add_file(m, name, text, strlen(text));
}

static struct slice end(struct maker *m)
{
    archive_write_close(m->archive);
    archive_write_free(m->archive);
    m->archive = NULL;
    return (struct slice){m->bytes, m->used};
}

static struct slice end_with(struct maker *m, const char *sums)
{
    add(m, "demo-1.0.0/sha256sums", AE_IFREG, NULL, sums, strlen(sums));
    return end(m);
}

static struct slice end_listed(struct maker *m)
{
    return end_with(m, m->sums.len ? buf_cstr(&m->sums) : "");
}

static void drop(struct maker *m)
{
    if (m->archive)
        archive_write_free(m->archive);
    free(m->bytes);
    buf_close(&m->sums);
}

/* -- what is left behind -- */

static int entries_in(const char *path)
{
    int count = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return count;
}

/* Refused by this rule, when it is looked at and when it is unpacked, with nothing written. */
static void refused(struct slice package, const char *rule)
{
    struct package_info info = {0};
    struct err err = {0};
    char to[100];
    int rv = package_check(package, NULL, false, &info, &err);
    if (rv == 0 || strcmp(err.rule, rule) != 0)
        fail_msg("expected %s, got %d %s: %s", rule, rv, err.rule, err.text);
    assert_int_equal(rv, ERR_POLICY);
    package_info_close(&info);
    snprintf(to, sizeof(to), "%s/in/to", dir);
    err = (struct err){0};
    assert_true(package_unpack(package, NULL, false, to, &info, &err) < 0);
    assert_string_equal(err.rule, rule);
    package_info_close(&info);
    char in[100];
    snprintf(in, sizeof(in), "%s/in", dir);
    assert_int_equal(entries_in(in), 0);
    assert_int_equal(entries_in(dir), 1);
}

static void refused_and_dropped(struct maker *m, struct slice package, const char *rule)
{
    refused(package, rule);
    drop(m);
}

static int open_dir(void **state)
{
    char in[100];
    (void)state;
    strcpy(dir, "/tmp/muster-package-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(in, sizeof(in), "%s/in", dir);
    return mkdir(in, 0700);
}

static int close_dir(void **state)
{
    struct err err = {0};
    (void)state;
    return folder_remove(dir, &err);
}

/* -- tests -- */

static void a_package_of_an_ordinary_tool_is_taken(void **state)
{
    struct maker m;
    struct package_info info = {0};
    struct err err = {0};
    struct stat st;
    char to[100], path[200];
    (void)state;
    begin(&m);
    add_text(&m, "init.lua", "return {}");
    add_text(&m, "lib/deep/er.lua", "return 1");
    add_text(&m, "manifest.lua", "return {}");
    add_text(&m, "名.txt", "字");
    const struct slice package = end_listed(&m);
    snprintf(to, sizeof(to), "%s/in/to", dir);
    if (package_unpack(package, NULL, false, to, &info, &err) != 0)
        fail_msg("%s: %s", err.rule, err.text);
    assert_string_equal(info.name, "demo");
    assert_string_equal(info.version, "1.0.0");
    assert_int_equal(info.files, 4);
    assert_string_equal(info.signer, "");
    assert_int_equal(strlen(info.hash), 64);
    snprintf(path, sizeof(path), "%s/lib/deep/er.lua", to);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(package_verify_folder(to, buf_view(&info.sums), &err), 0);
    /* a changed, a missing and a new file are named */
    FILE *f = fopen(path, "a");
    fputs("x", f);
    fclose(f);
    assert_int_equal(package_verify_folder(to, buf_view(&info.sums), &err), ERR_CONFLICT);
    assert_string_equal(err.rule, "package.changed");
    assert_non_null(strstr(err.text, "lib/deep/er.lua"));
    unlink(path);
    assert_int_equal(package_verify_folder(to, buf_view(&info.sums), &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "missing"));
    package_info_close(&info);
    drop(&m);
}

static void names_that_lead_out_are_refused(void **state)
{
    static const char *const names[] = {
        "../evil",           "/etc/evil",           "demo-1.0.0/../evil",        "demo-1.0.0/plugin/../../evil",
        "other-1.0.0/evil",  "demo-1.0.0/.hidden",  "demo-1.0.0/plugin/.hidden", "demo-1.0.0/plugin//evil",
        "demo-1.0.0/plugin", "demo-1.0.0/plug\\in", "demo-1.0.0/plugin/a\nb",    "demo-1.0.0/plugin/a\033[2Jb",
        "\xFF\xFE/evil",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct maker m;
        struct package_info info = {0};
        struct err err = {0};
        begin(&m);
        add_text(&m, "manifest.lua", "return {}");
        add(&m, names[i], AE_IFREG, NULL, "x", 1);
        const struct slice package = end_listed(&m);
        const int rv = package_check(package, NULL, false, &info, &err);
        if (rv == 0 || (strcmp(err.rule, "package.path") != 0 && strcmp(err.rule, "package.form") != 0))
            fail_msg("%s: %d %s: %s", names[i], rv, err.rule, err.text);
        for (const char *c = err.text; *c; c++)
            if ((unsigned char)*c < ' ')
                fail_msg("%s: a control character goes to the terminal", names[i]);
        refused_and_dropped(&m, package, err.rule);
        package_info_close(&info);
    }
}

static void only_plain_files_are_taken(void **state)
{
    static const struct {
        unsigned type;
        const char *link;
    } kinds[] = {{AE_IFLNK, "/etc/passwd"}, {AE_IFLNK, "manifest.lua"}, {AE_IFREG, "demo-1.0.0/plugin/manifest.lua"},
                 {AE_IFIFO, NULL},          {AE_IFCHR, NULL},           {AE_IFBLK, NULL},
                 {AE_IFDIR, NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct maker m;
        begin(&m);
        add_text(&m, "manifest.lua", "return {}");
        add(&m, "demo-1.0.0/plugin/thing", kinds[i].type, kinds[i].link, "", 0);
        refused_and_dropped(&m, end_listed(&m), "package.link");
    }
}

static void the_list_must_be_the_files(void **state)
{
    static const char *const edits[] = {"missing", "extra", "upper", "order", "blank", "hash", "empty", "twice"};
    (void)state;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct maker m;
        char sums[2000];
        begin(&m);
        add_text(&m, "a.lua", "return 1");
        const size_t first = m.sums.len;
        add_text(&m, "manifest.lua", "return {}");
        snprintf(sums, sizeof(sums), "%s", buf_cstr(&m.sums));
        switch (i) {
        case 0:
            sums[first] = '\0';
            break;
        case 1:
            snprintf(sums + strlen(sums), 200, "%064d  plugin/z.lua\n", 0);
            break;
        case 2:
            for (char *c = sums; *c != ' '; c++)
                *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c);
            break;
        case 3:
            snprintf(sums, sizeof(sums), "%s%.*s", buf_cstr(&m.sums) + first, (int)first, buf_cstr(&m.sums));
            break;
        case 4:
            strcat(sums, "\n");
            break;
        case 5:
            sums[3] = sums[3] == '0' ? '1' : '0';
            break;
        case 6:
            sums[0] = '\0';
            break;
        default:
            strcat(sums, buf_cstr(&m.sums));
        }
        /* an empty list is as good as none */
        refused_and_dropped(&m, end_with(&m, sums), i == 6 ? "package.form" : "package.hash");
    }
}

static void what_does_not_belong_is_refused(void **state)
{
    struct maker m;
    (void)state;
    begin(&m);
    add_text(&m, "manifest.lua", "return {}");
    refused_and_dropped(&m, end(&m), "package.form"); /* no list */
    begin(&m);
    add_text(&m, "manifest.lua", "return {}");
    add(&m, "demo-1.0.0/readme", AE_IFREG, NULL, "x", 1);
    refused_and_dropped(&m, end_listed(&m), "package.form");
    begin(&m);
    add_text(&m, "manifest.lua", "return {}");
    add_text(&m, "manifest.lua", "return {}");
    refused_and_dropped(&m, end_listed(&m), "package.path"); /* twice */
    begin(&m);
    add(&m, "Demo-1.0.0/plugin/manifest.lua", AE_IFREG, NULL, "x", 1);
    refused_and_dropped(&m, end(&m), "package.form"); /* no plugin's name */
    begin(&m);
    add(&m, "demo-1.0/plugin/manifest.lua", AE_IFREG, NULL, "x", 1);
    refused_and_dropped(&m, end(&m), "package.form"); /* no version */
    begin(&m);
    refused_and_dropped(&m, end(&m), "package.form"); /* nothing at all */
    refused((struct slice){"", 0}, "package.form");
    refused((struct slice)SLICE("PK\3\4 is another archive"), "package.form");
}

static void sizes_are_bounded(void **state)
{
    struct maker m;
    char *zeros = calloc(1, 17 * 1024 * 1024), name[300];
    (void)state;
    begin(&m);
    add_file(&m, "big", zeros, 17 * 1024 * 1024);
    refused_and_dropped(&m, end_listed(&m), "package.size"); /* one file */
    begin(&m);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "big%d", i);
        add_file(&m, name, zeros, 8 * 1024 * 1024);
    }
    refused_and_dropped(&m, end_listed(&m), "package.size"); /* a bomb */
    begin(&m);
    for (int i = 0; i <= PACKAGE_FILES_MAX; i++) {
        snprintf(name, sizeof(name), "f%04d", i);
        add_text(&m, name, "x");
    }
    refused_and_dropped(&m, end_listed(&m), "package.size");
    begin(&m);
    memset(name, 'n', 260);
    name[260] = '\0';
    add_text(&m, name, "x");
    refused_and_dropped(&m, end_listed(&m), "package.path");
    char *large = calloc(1, PACKAGE_BYTES_MAX + 1);
    refused((struct slice){large, PACKAGE_BYTES_MAX + 1}, "package.size");
    free(large);
    free(zeros);
}

/* A tar archive, gzip'd once: neither plain nor wrapped again. */
static void other_wrappings_are_refused(void **state)
{
    (void)state;
    for (int times = 0; times < 4; times++) {
        struct maker m;
        begin_wrapped(&m, times);
        add_text(&m, "init.lua", "return {}");
        const struct slice whole = end_listed(&m);
        struct package_info info = {0};
        if (times == 1)
            assert_int_equal(package_check(whole, NULL, false, &info, NULL), 0);
        else
            refused(whole, "package.form");
        package_info_close(&info);
        drop(&m);
    }
}

/* Wherever it is cut, and whatever byte is another: never taken for something else. */
static void damage_is_noticed(void **state)
{
    struct maker m;
    struct package_info info = {0};
    struct err err = {0};
    char hash[65];
    (void)state;
    begin(&m);
    add_text(&m, "init.lua", "return { commands = {} } -- some text that does not compress to nothing: 8c2f0a61d7");
    add_text(&m, "manifest.lua", "return {}");
    const struct slice whole = end_listed(&m);
    assert_int_equal(package_check(whole, NULL, false, &info, &err), 0);
    strcpy(hash, info.hash);
    package_info_close(&info);
    for (size_t len = 0; len + 8 < whole.len; len++) { /* the last 8 bytes are gzip's own sum */
        if (package_check((struct slice){whole.data, len}, NULL, false, &info, &err) == 0)
            fail_msg("taken, though cut off after %zu of %zu bytes", len, whole.len);
        package_info_close(&info);
    }
    for (size_t at = 0; at < whole.len; at++) {
        char *copy = malloc(whole.len);
        memcpy(copy, whole.data, whole.len);
        copy[at] = (char)(copy[at] ^ 0x10);
        info = (struct package_info){0};
        if (package_check((struct slice){copy, whole.len}, NULL, false, &info, &err) == 0)
            assert_string_equal(info.hash, hash); /* a byte that means nothing, such as a time */
        package_info_close(&info);
        free(copy);
    }
    drop(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_dir, close_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_package_of_an_ordinary_tool_is_taken),
        TEST(names_that_lead_out_are_refused),
        TEST(only_plain_files_are_taken),
        TEST(the_list_must_be_the_files),
        TEST(what_does_not_belong_is_refused),
        TEST(sizes_are_bounded),
        TEST(other_wrappings_are_refused),
        TEST(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
