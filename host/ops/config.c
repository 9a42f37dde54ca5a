#include "ops/config.h"

#include "base/log.h"
#include "ops/config_keys.h"
#include "ops/config_read.h"
#include "plugin/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The table of keys below (config_keys.h) is the only place that knows which settings there are: defaults, bounds,
 * checks, the printed documentation and the spelling hints all come from it. */

const char *const config_no_yes[] = {"no", "yes", NULL};

const struct config_key config_keys[] = {
#define TEXT(section, name, field, def, doc)                                                                           \
    {section, name, CONFIG_TEXT, offsetof(struct config, field), 0, 0, 0, def, NULL, doc},
#define NUMBER(section, name, type, field, def, min, max, doc)                                                         \
    {section, name, type, offsetof(struct config, field), def, min, max, NULL, NULL, doc},
#define WORD(section, name, field, def, words, doc)                                                                    \
    {section, name, CONFIG_WORD, offsetof(struct config, field), def, 0, 0, NULL, words, doc},
#define ZONE(section, name, field, def, doc)                                                                           \
    {section, name, CONFIG_ZONE, offsetof(struct config, field), def, 0, 0, "+08:00", NULL, doc},
#define NAMES(section, name, field, doc)                                                                               \
    {section, name, CONFIG_NAMES, offsetof(struct config, field), 0, 0, 0, NULL, NULL, doc},
    CONFIG_KEYS
#undef TEXT
#undef NUMBER
#undef WORD
#undef ZONE
#undef NAMES
};
const int config_nkeys = sizeof(config_keys) / sizeof(config_keys[0]);

enum { FILE_BYTES = 64 * 1024 };

void *config_field(struct config *c, const struct config_key *key)
{
    return (char *)c + key->offset;
}

void config_set_number(struct config *c, const struct config_key *key, int64_t number)
{
    void *field = config_field(c, key);
    if (key->type == CONFIG_SIZE)
        *(size_t *)field = (size_t)number;
    else if (key->type == CONFIG_INT64)
        *(int64_t *)field = number;
    else
        *(int *)field = (int)number;
}

static void set_defaults(struct config *c)
{
    *c = (struct config){0};
    for (int i = 0; i < config_nkeys; i++) {
        const struct config_key *key = &config_keys[i];
        if (key->type == CONFIG_TEXT)
            *(char **)config_field(c, key) = mem_dup(key->default_text);
        else if (key->type != CONFIG_NAMES)
            config_set_number(c, key, key->default_number);
    }
}

void config_close(struct config *c)
{
    for (int i = 0; i < config_nkeys; i++) {
        if (config_keys[i].type == CONFIG_TEXT)
            free(*(char **)config_field(c, &config_keys[i]));
        if (config_keys[i].type == CONFIG_NAMES)
            for (char **name = config_field(c, &config_keys[i]); *name; name++)
                free(*name);
    }
    *c = (struct config){0};
}

/* -- the file -- */

static int read_all(const char *path, int fd, struct buf *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_IO, "%s: not a regular file", path);
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
        if (buf_append(out, chunk, (size_t)n) != 0)
            return err_set(err, ERR_IO, "%s: a configuration has at most %d bytes", path, FILE_BYTES);
    }
    return n == 0 ? 0 : err_set(err, ERR_IO, "read %s: %s", path, strerror(errno));
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_IO, "open %s: %s", path, strerror(errno));
    int rv = read_all(path, fd, out, err);
    close(fd);
    return rv;
}

int config_load(const char *path, struct config *out, struct err *err)
{
    struct buf text;
    buf_init(&text, FILE_BYTES);
    set_defaults(out);
    int rv = path ? read_file(path, &text, err) : 0;
    if (rv == 0 && path)
        rv = config_read(path, buf_view(&text), out, err);
    buf_close(&text);
    if (rv)
        config_close(out);
    return rv;
}

/* -- the documentation -- */

static void print_bounds(const struct config_key *key, struct buf *out)
{
    if (key->type == CONFIG_WORD) {
        buf_text(out, " (");
        for (int i = 0; key->words[i]; i++)
            buf_fmt(out, "%s%s", i ? " | " : "", key->words[i]);
        buf_text(out, ")");
    } else if (config_is_number(key)) {
        buf_fmt(out, " (%lld to %lld)", (long long)key->min, (long long)key->max);
    }
}

static void print_default(const struct config_key *key, struct buf *out)
{
    if (key->type == CONFIG_WORD)
        buf_fmt(out, "\"%s\"", key->words[key->default_number]);
    else if (key->type == CONFIG_NAMES)
        buf_text(out, "{}");
    else if (config_is_number(key))
        buf_fmt(out, "%lld", (long long)key->default_number);
    else
        buf_fmt(out, "\"%s\"", key->default_text);
}

void config_print(struct buf *out)
{
    const char *section = "";
    buf_text(out, "-- Muster's configuration: data only. Every setting stands here with its default.\nreturn {\n");
    for (int i = 0; i < config_nkeys; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(section, key->section) != 0)
            buf_fmt(out, "\n  %s = {\n", key->section);
        section = key->section;
        const char *indent = section[0] ? "    " : "  ";
        buf_fmt(out, "%s-- %s", indent, key->doc);
        print_bounds(key, out);
        buf_fmt(out, "\n%s%s = ", indent, key->name);
        print_default(key, out);
        buf_text(out, ",\n");
        bool ends = section[0] && (i + 1 == config_nkeys || strcmp(section, config_keys[i + 1].section) != 0);
        if (ends)
            buf_text(out, "  },\n");
    }
    buf_text(out, "}\n");
}

/* -- the limits shown to clients -- */

int config_limit_rows(const struct config *c, struct limit_row *rows)
{
    int n = 0;
    for (int i = 0; i < config_nkeys && n < CONFIG_LIMIT_ROWS; i++) {
        const struct config_key *key = &config_keys[i];
        if (!config_is_number(key) || strcmp(key->name, "port") == 0)
            continue;
        const void *field = config_field((struct config *)c, key);
        int64_t value = key->type == CONFIG_SIZE    ? (int64_t) * (const size_t *)field
                        : key->type == CONFIG_INT64 ? *(const int64_t *)field
                                                    : *(const int *)field;
        rows[n++] = (struct limit_row){key->name, value, config_unit(key), config_phase(key)};
    }
    return n;
}
