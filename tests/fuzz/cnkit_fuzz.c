/* cnkit, as a host would call it: whatever bytes come, each command replies one whole value or refuses with a rule; a
 * file that was written is read back as it was. The first byte chooses the command. */

#include "base/buf.h"
#include "base/utf8.h"

#include <dlfcn.h>
#include <jansson.h>
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : (fprintf(stderr, "line %d: %s\n", __LINE__, #claim), abort()))

/* -- a host: replies become JSON, or bytes -- */

struct muster_call {
    json_t *stack[40]; /* what is open */
    char *keys[40];
    int depth;
    json_t *reply;
    struct buf bytes; /* a blob */
    bool failed;
    char rule[64];
    void *memory[256];
    int nmemory;
};

static void put(struct muster_call *c, json_t *value)
{
    if (c->depth == 0) {
        MUST(!c->reply);
        c->reply = value;
        return;
    }
    json_t *in = c->stack[c->depth - 1];
    if (json_is_array(in))
        json_array_append_new(in, value);
    else {
        MUST(c->keys[c->depth - 1]);
        json_object_set_new(in, c->keys[c->depth - 1], value);
        free(c->keys[c->depth - 1]);
        c->keys[c->depth - 1] = NULL;
    }
}

static void push(struct muster_call *c, json_t *value)
{
    MUST(c->depth < 40);
    json_incref(value);
    put(c, value);
    c->stack[c->depth++] = value;
}

static void put_null(struct muster_call *c)
{
    put(c, json_null());
}

static void put_bool(struct muster_call *c, int value)
{
    put(c, json_boolean(value));
}

static void put_int(struct muster_call *c, int64_t value)
{
    put(c, json_integer(value));
}

static void put_text(struct muster_call *c, struct muster_text text)
{
    MUST(utf8_valid((struct slice){text.data, text.len}));
    put(c, json_stringn(text.data, text.len));
}

static void put_blob(struct muster_call *c, struct muster_text bytes)
{
    MUST(c->depth == 0 && !c->reply);
    buf_append(&c->bytes, bytes.data, bytes.len);
    c->reply = json_true();
}

static void open_array(struct muster_call *c)
{
    push(c, json_array());
}

static void open_map(struct muster_call *c)
{
    push(c, json_object());
}

static void put_key(struct muster_call *c, const char *key)
{
    MUST(c->depth > 0 && json_is_object(c->stack[c->depth - 1]) && !c->keys[c->depth - 1]);
    c->keys[c->depth - 1] = strdup(key);
}

static void close_last(struct muster_call *c)
{
    MUST(c->depth > 0);
    json_decref(c->stack[--c->depth]);
    MUST(!c->keys[c->depth]);
}

static void *take(struct muster_call *c, size_t size)
{
    MUST(c->nmemory < 256);
    return c->memory[c->nmemory++] = calloc(1, size ? size : 1);
}

static int refuse(struct muster_call *c, const char *code, const char *rule, const char *arg, const char *english,
                  const char *const *items, int nitems)
{
    int wanted = 0;
    (void)arg;
    for (const char *p = english; (p = strstr(p, "%s")); p++)
        wanted++;
    MUST(wanted == nitems && rule && strncmp(rule, "cnkit.", 6) == 0);
    MUST(strcmp(code, "ARG") == 0 || strcmp(code, "LIMIT") == 0 || strcmp(code, "STATE") == 0);
    for (int i = 0; i < nitems; i++)
        MUST(utf8_valid((struct slice){items[i], strlen(items[i])}));
    c->failed = true;
    snprintf(c->rule, sizeof(c->rule), "%s", rule);
    return MUSTER_FAILED;
}

static int never(const struct muster_call *c)
{
    (void)c;
    return 0;
}

static const struct muster_host host = {
    .size = sizeof(struct muster_host),
    .abi = MUSTER_ABI,
    .stopped = never,
    .alloc = take,
    .fail = refuse,
    .reply_null = put_null,
    .reply_bool = put_bool,
    .reply_int = put_int,
    .reply_text = put_text,
    .reply_blob = put_blob,
    .reply_array_open = open_array,
    .reply_map_open = open_map,
    .reply_key = put_key,
    .reply_close = close_last,
};

static void finish(struct muster_call *c)
{
    while (c->depth > 0) {
        json_decref(c->stack[--c->depth]);
        free(c->keys[c->depth]);
    }
    for (int i = 0; i < c->nmemory; i++)
        free(c->memory[i]);
    json_decref(c->reply);
    buf_close(&c->bytes);
    *c = (struct muster_call){0};
}

/* -- the plugin -- */

static const struct muster_plugin *plugin(void)
{
    static const struct muster_plugin *found;
    char path[600];
    const char *build = getenv("MUSTER_BUILD");
    snprintf(path, sizeof(path), "%s/plugins/cnkit.so", build ? build : "build/address");
    void *object = found ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!found && !object)
        fprintf(stderr, "%s\n", dlerror());
    MUST(found || object);
    return found = found ? found : dlsym(object, "muster_plugin");
}

/* Run a command: true when it replied. Either way exactly one thing has happened. */
static bool run(struct muster_call *c, const char *name, const struct muster_value *args)
{
    const struct muster_plugin *p = plugin();
    for (size_t i = 0; i < p->ncommands; i++)
        if (strcmp(p->commands[i].name, name) == 0) {
            const int rv = p->commands[i].run(&host, c, args);
            MUST((rv == MUSTER_FAILED) == c->failed);
            MUST(c->failed || (c->reply && c->depth == 0));
            return !c->failed;
        }
    MUST(!"a command of cnkit");
    return false;
}

static struct muster_value text(const char *data, size_t len)
{
    return (struct muster_value){.type = MUSTER_TEXT, .s = {data, len}};
}

static struct muster_value word(const char *of)
{
    return text(of, strlen(of));
}

/* -- what is tried -- */

static bool fits(struct slice s, size_t characters)
{
    return utf8_valid(s) && s.len > 0 && utf8_count(s) <= characters;
}

static void try_text(const char *name, struct slice s, size_t most, const char *second)
{
    struct muster_call c = {0};
    const struct muster_value args[3] = {text(s.data, s.len), second ? word(second) : (struct muster_value){0}};
    if (fits(s, most))
        run(&c, name, args);
    finish(&c);
}

/* What a name becomes stays as it is. */
static void try_norm(struct slice s)
{
    struct muster_call once = {0}, twice = {0};
    const struct muster_value args[1] = {text(s.data, s.len)};
    if (fits(s, 200) && run(&once, "cnkit.name.norm", args)) {
        const struct muster_value again[1] = {text(json_string_value(once.reply), json_string_length(once.reply))};
        if (again[0].s.len > 0) {
            MUST(run(&twice, "cnkit.name.norm", again));
            MUST(json_equal(once.reply, twice.reply));
        }
    }
    finish(&once);
    finish(&twice);
}

/* GB18030 has every character. */
static void try_encodings(struct slice s)
{
    struct muster_call to = {0}, back = {0};
    const struct muster_value args[1] = {text(s.data, s.len)};
    if (s.len > 0 && utf8_valid(s) && run(&to, "cnkit.enc.to_gb18030", args)) {
        const struct muster_value again[2] = {text(to.bytes.data, to.bytes.len), word("gb18030")};
        MUST(run(&back, "cnkit.enc.to_utf8", again));
        const json_t *got = json_object_get(back.reply, "text");
        const bool mark = s.len >= 3 && memcmp(s.data, "\xEF\xBB\xBF", 3) == 0; /* goes as what it is */
        const size_t from = mark ? 3 : 0;
        MUST(json_string_length(got) == s.len - from &&
             memcmp(json_string_value(got), s.data + from, s.len - from) == 0);
    }
    finish(&to);
    finish(&back);
    const char *const from[] = {"auto", "utf8", "gb18030"};
    for (int i = 0; i < 3; i++) {
        const struct muster_value bytes[2] = {text(s.data, s.len), word(from[i])};
        run(&to, "cnkit.enc.to_utf8", bytes);
        finish(&to);
    }
}

/* The input's lines and tabs as a table. */
static json_t *table(struct slice s)
{
    json_t *rows = json_array(), *row = json_array();
    size_t from = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.data[i] != 1 && s.data[i] != 2)
            continue;
        json_array_append_new(row, json_stringn(s.data + from, i - from));
        if (i == s.len || s.data[i] == 2) {
            json_array_append_new(rows, row);
            row = json_array();
        }
        from = i + 1;
    }
    json_decref(row);
    return rows;
}

static void try_csv(struct slice s)
{
    struct muster_call c = {0}, back = {0};
    const struct muster_value bytes[4] = {
        text(s.data, s.len), word("auto"), word("auto"), {.type = MUSTER_BOOL, .i = 1}};
    run(&c, "cnkit.csv.parse", bytes);
    finish(&c);
    if (!utf8_valid(s))
        return;
    json_t *rows = table(s);
    char *json = json_dumps(rows, 0);
    const char options[] = "{\"text_cols\":[2]}";
    const struct muster_value args[2] = {{.type = MUSTER_JSON, .s = {json, strlen(json)}},
                                         {.type = MUSTER_JSON, .s = {options, sizeof(options) - 1}}};
    if (run(&c, "cnkit.csv.format", args)) {
        const struct muster_value again[4] = {
            text(c.bytes.data, c.bytes.len), word("utf8"), word("comma"), {.type = MUSTER_BOOL, .i = 1}};
        if (run(&back, "cnkit.csv.parse", again))
            MUST(json_equal(json_object_get(back.reply, "rows"), rows));
    }
    finish(&c);
    finish(&back);
    free(json);
    json_decref(rows);
}

static void try_yuan(struct slice s)
{
    struct muster_call c = {0}, back = {0};
    int64_t fen = 0;
    memcpy(&fen, s.data, s.len < sizeof(fen) ? s.len : sizeof(fen));
    fen = fen == INT64_MIN ? 0 : fen;
    const struct muster_value figures[2] = {{.type = MUSTER_INT, .i = fen}, {.type = MUSTER_BOOL}};
    if (run(&c, "cnkit.yuan.format", figures)) {
        const struct muster_value again[1] = {text(json_string_value(c.reply), json_string_length(c.reply))};
        MUST(run(&back, "cnkit.yuan.parse", again) && json_integer_value(back.reply) == fen);
    }
    finish(&c);
    finish(&back);
    const struct muster_value words[2] = {{.type = MUSTER_INT, .i = fen}, {.type = MUSTER_BOOL, .i = 1}};
    if (run(&c, "cnkit.yuan.format", words)) {
        const struct muster_value again[1] = {text(json_string_value(c.reply), json_string_length(c.reply))};
        MUST(run(&back, "cnkit.yuan.parse", again) && json_integer_value(back.reply) == fen);
    }
    finish(&c);
    finish(&back);
    try_text("cnkit.yuan.parse", s, 60, NULL);
}

static void try_picture(const char *name, struct slice s)
{
    struct muster_call c = {0};
    json_error_t why;
    json_t *any = json_loadb(s.data, s.len, JSON_DECODE_ANY, &why);
    const struct muster_value args[3] = {
        {.type = MUSTER_JSON, .s = {s.data, s.len}}, {.type = MUSTER_NULL}, word("zh")};
    if (any && run(&c, name, args))
        MUST(strncmp(json_string_value(c.reply), "<svg", 4) == 0);
    json_decref(any);
    finish(&c);
}

/* -- an XLSX file around XML that may be anything -- */

static uint32_t crc32_of(struct slice s)
{
    uint32_t c = 0xFFFFFFFF;
    for (size_t i = 0; i < s.len; i++) {
        c ^= (unsigned char)s.data[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
    }
    return ~c;
}

static void put_number(struct buf *b, uint32_t n, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_byte(b, (char)(n >> (8 * i)));
}

/* What both heads of a part say: version, flags, stored, time and day, checksum, sizes, the name's length. */
static void put_head(struct buf *b, struct slice part, const char *name)
{
    const uint32_t fields[][2] = {{20, 2},
                                  {0, 2},
                                  {0, 2},
                                  {0, 2},
                                  {0x21, 2},
                                  {crc32_of(part), 4},
                                  {(uint32_t)part.len, 4},
                                  {(uint32_t)part.len, 4},
                                  {(uint32_t)strlen(name), 2},
                                  {0, 2}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        put_number(b, fields[i][0], (int)fields[i][1]);
}

/* The input's parts, each ended by a 1, are the sheet, the shared texts, the styles and the workbook; those that are
 * missing are as they should be. */
static void try_parts(struct slice s)
{
    static const struct {
        const char *name, *text;
    } parts[] = {
        {"xl/worksheets/sheet1.xml", "<worksheet/>"},
        {"xl/sharedStrings.xml", "<sst><si><t>a_x000D_</t></si><si><r><t>b</t></r><rPh><t>c</t></rPh></si></sst>"},
        {"xl/styles.xml", "<styleSheet><numFmts><numFmt numFmtId=\"200\" formatCode=\"[h]:mm\"/></numFmts><cellXfs>"
                          "<xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"200\"/></cellXfs></styleSheet>"},
        {"xl/workbook.xml", "<workbook xmlns:r=\"r\"><sheets><sheet name=\"a\" r:id=\"r1\"/></sheets></workbook>"},
        {"xl/_rels/workbook.xml.rels",
         "<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet1.xml\"/></Relationships>"},
    };
    const uint32_t count = sizeof(parts) / sizeof(parts[0]);
    struct buf file = {0}, index = {0};
    for (uint32_t i = 0; i < count; i++) {
        const char *end = s.len > 0 ? memchr(s.data, 1, s.len) : NULL;
        const size_t len = end ? (size_t)(end - s.data) : s.len;
        const struct slice part = len > 0 ? (struct slice){s.data, len} : slice_of(parts[i].text);
        const size_t used = len + (end != NULL);
        const size_t at = file.len;
        put_number(&file, 0x04034b50, 4);
        put_head(&file, part, parts[i].name);
        buf_text(&file, parts[i].name);
        buf_slice(&file, part);
        put_number(&index, 0x02014b50, 4);
        put_number(&index, 20, 2);
        put_head(&index, part, parts[i].name);
        put_number(&index, 0, 4); /* no comment, first disk */
        put_number(&index, 0, 2);
        put_number(&index, 0, 4);
        put_number(&index, (uint32_t)at, 4);
        buf_text(&index, parts[i].name);
        s = (struct slice){s.data + used, s.len - used};
    }
    const size_t at = file.len;
    buf_slice(&file, buf_view(&index));
    put_number(&file, 0x06054b50, 4);
    put_number(&file, 0, 4);
    put_number(&file, count, 2);
    put_number(&file, count, 2);
    put_number(&file, (uint32_t)index.len, 4);
    put_number(&file, (uint32_t)at, 4);
    put_number(&file, 0, 2);
    struct muster_call c = {0};
    const struct muster_value args[1] = {{.type = MUSTER_BLOB, .s = {file.data, file.len}}};
    run(&c, "cnkit.xlsx.parse", args);
    finish(&c);
    buf_close(&file);
    buf_close(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* exactly as many bytes as there are, so that reading one more is seen; a host's texts have a NUL behind them */
    char *copy = malloc(size);
    memcpy(copy, data + 1, size - 1);
    copy[size - 1] = '\0';
    struct slice s = {copy, size - 1};
    struct muster_call c = {0};
    const struct muster_value blob[1] = {{.type = MUSTER_BLOB, .s = {s.data, s.len}}};
    switch (data[0] % 13) {
    case 0:
        try_norm(s);
        break;
    case 1:
        try_text("cnkit.name.check", s, 200, NULL);
        break;
    case 2:
        try_text("cnkit.pinyin.initials", s, 200, "person");
        break;
    case 3:
        try_text("cnkit.grams", s, 4000, "index");
        break;
    case 4:
        try_text("cnkit.idcard.check", s, 60, NULL);
        break;
    case 5:
        try_encodings(s);
        break;
    case 6:
        try_csv(s);
        break;
    case 7:
        try_yuan(s);
        break;
    case 8:
        try_picture("cnkit.svg.bar", s);
        break;
    case 9:
        try_picture("cnkit.svg.line", s);
        break;
    case 10:
        try_picture("cnkit.svg.areamap", s);
        break;
    case 11:
        run(&c, "cnkit.xlsx.parse", blob);
        finish(&c);
        break;
    default:
        try_parts(s);
    }
    free(copy);
    return 0;
}
