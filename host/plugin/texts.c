#include "plugin/texts.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* An err carries a finished English sentence. To say it in Chinese the sentence is matched against the formats it can
 * have been made from: the text between the items must agree, what stands in place of an item is taken over. Longer,
 * more special formats come first. */

enum { ITEMS_MAX = 6 };

static const struct text texts[] = {
    {"plugin %s, command %s: stopped after its limit of %d ms; nothing was kept; ask for less at once, or raise timeout_ms in its declaration; it was at %s",
     "插件 %s 的命令 %s 超过 %d 毫秒时限，已中止，未保存任何内容；请减少一次处理的数量，或在声明中调大 timeout_ms；中止于 %s"},
    {"a call of the host", "系统的一次调用"},
    {"plugin %s, command %s: stopped, it needs more than %d KiB of memory; nothing was kept; ask for less at once, and see whether it calls itself without end; it was at %s",
     "插件 %s 的命令 %s 所需内存超过 %d KiB，已中止，未保存任何内容；请减少一次处理的数量，并检查是否无止境地调用自身；中止于 %s"},
    {"plugin %s, command %s: stopped, its calls nest too deeply; nothing was kept",
     "插件 %s 的命令 %s 调用层次过深，已中止，未保存任何内容"},
    {"%s: required (%s)", "缺少参数 %s（%s）"},
    {"%s: given twice", "参数 %s 重复"},
    {"%s: no such argument; did you mean %s?", "没有参数 %s，是否应为 %s？"},
    {"%s: no such argument", "没有参数 %s"},
    {"%s: an argument too many; the command has %d", "多余的参数 %s：该命令只有 %d 个参数"},
    {"an argument too many, or its name is unknown", "多余的参数，或其名称未知"},
    {"idem: at most %d bytes", "idem：至多 %d 个字节"},
    {"%s: belongs to commands that write; this one reads", "参数 %s 只用于写命令，本命令是读命令"},
    {"%s: must not be empty", "%s：不能为空"},
    {"%s: not valid UTF-8 without NUL", "%s：不是有效的 UTF-8 文本"},
    {"%s: %s is not a whole number of fen", "%s：%s 不是以分为单位的整数"},
    {"%s: %s is not a whole number", "%s：%s 不是整数"},
    {"%s: %s does not fit into 64 bits", "%s：%s 超出 64 位整数范围"},
    {"%s: %s is not one of %s", "%s：%s 不在可选值之内（%s）"},
    {"%s: %s is not a day as YYYY-MM-DD", "%s：%s 不是 YYYY-MM-DD 形式的日期"},
    {"%s: %s is not an instant as 2020-03-18T18:28:00+08:00 (offset or Z required) or a number of ms",
     "%s：%s 不是 2020-03-18T18:28:00+08:00 形式的时刻（必须带时区）或毫秒数"},
    {"at: not an instant as 2020-03-18T18:28:00+08:00 or a number of ms",
     "at：不是 2020-03-18T18:28:00+08:00 形式的时刻或毫秒数"},
    {"command %s: its reply is longer than %d KiB; ask for less at once",
     "命令 %s 的答复超过 %d KiB；请减少一次查询的数量"},
    {"%s: too big", "%s：过大"},
    {"%s: from %d to %d characters", "%s：应为 %d 至 %d 个字符"},
    {"%s: from %d to %d bytes", "%s：应为 %d 至 %d 个字节"},
    {"%s: from %d to %d items", "%s：应为 %d 至 %d 项"},
    {"%s: from %d to %d fen", "%s：应在 %d 至 %d 分之间"},
    {"%s: at least %d fen", "%s：至少 %d 分"},
    {"%s: from %d to %d", "%s：应在 %d 至 %d 之间"},
    {"%s: at least %d", "%s：至少为 %d"},
    {"%s: at most %d", "%s：至多为 %d"},
    {"%s: JSON nested deeper than %d", "%s：JSON 嵌套超过 %d 层"},
    {"%s: not JSON: %s", "%s：不是 JSON：%s"},
    {"%s: not a JSON array", "%s：不是 JSON 数组"},
    {"plugin %s, command %s: not run, for its limits stopped it %d times within %d minutes; it may run again in %d s, or once its plugin is replaced",
     "插件 %s 的命令 %s 未执行：它已 %d 次在 %d 分钟内因超限被中止；%d 秒后可再执行，或在更换该插件之后执行"},
    {"plugin %s, command %s: it needs more than %d MiB of memory; nothing was kept; ask for less at once",
     "插件 %s 的命令 %s 所需内存超过 %d MiB，未保存任何内容；请减少一次处理的数量"},
    {"command %s: stopped after its limit of %d ms; nothing was kept; ask for less at once",
     "命令 %s 超过 %d 毫秒时限，已中止，未保存任何内容；请减少一次处理的数量"},
    {"%s: should be an integer, is a number with a fraction", "%s：应为整数，却带有小数"},
    {"%s: should be an integer, is a %s", "%s：应为整数，实为 %s"},
    {"%s: should be a boolean, is a %s", "%s：应为布尔值，实为 %s"},
    {"%s: should be a sequence, is a %s", "%s：应为序列，实为 %s"},
    {"%s: should be a string of bytes, is a %s", "%s：应为字节串，实为 %s"},
    {"%s: should be a text, is a %s", "%s：应为文本，实为 %s"},
    {"plugin %s, command %s: its process ended: %s; nothing was kept; it is started again",
     "插件 %s 的命令 %s：其进程已终止（%s），未保存任何内容；进程将重新启动"},
    {"plugin %s: its process has ended and is started again; send it again in %d ms",
     "插件 %s 的进程已终止，正在重新启动；请在 %d 毫秒后重发"},
    {"plugin %s, command %s: it failed in a way that it can't", "插件 %s 的命令 %s 报告了不允许的错误"},
};

const char *texts_chinese(const char *english)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].english, english) == 0)
            return texts[i].chinese;
    return NULL;
}

/* The literal text of `fmt` up to its next item or its end. */
static size_t literal(const char *fmt)
{
    const char *item = strchr(fmt, '%');
    return item ? (size_t)(item - fmt) : strlen(fmt);
}

static bool digits(struct slice s)
{
    for (size_t i = s.len > 0 && s.data[0] == '-'; i < s.len; i++)
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    return s.len > 0;
}

/* Was `text` made from `fmt`? Then the pieces in place of its items. Each piece is as short as the literal behind it
 * allows; the last literal must end the text. */
static bool match(const char *fmt, const char *text, struct slice pieces[ITEMS_MAX], int *count)
{
    *count = 0;
    size_t n = literal(fmt);
    if (strncmp(text, fmt, n) != 0)
        return false;
    text += n;
    fmt += n;
    while (*fmt) {
        bool number = fmt[1] == 'd';
        fmt += 2;
        n = literal(fmt);
        const char *end = text + strlen(text);
        if (fmt[n] == '\0' && (size_t)(end - text) >= n)
            end -= n; /* the last literal */
        else
            for (end = text; *end && strncmp(end, fmt, n) != 0;)
                end++;
        struct slice piece = {text, (size_t)(end - text)};
        if (strncmp(end, fmt, n) != 0 || *count == ITEMS_MAX || (number && !digits(piece)))
            return false;
        pieces[(*count)++] = piece;
        text = end + n;
        fmt += n;
    }
    return *text == '\0';
}

/* Some sentences end in another one, such as "plugin x, command x.y: …": that is said in Chinese, too. */
static void translate_tail(const struct text *list, size_t count, const char *lang, struct slice *tail, struct err *err)
{
    *err = (struct err){.code = ERR_INTERNAL};
    if (tail->len >= sizeof(err->text))
        return;
    memcpy(err->text, tail->data, tail->len);
    if (texts_localise_from(list, count, lang, err) || texts_localise(lang, err))
        *tail = slice_of(err->text);
}

static void fill(const char *fmt, const struct slice *pieces, char *out, size_t size)
{
    size_t len = 0;
    for (; *fmt && len + 1 < size; fmt++) {
        struct slice s = {fmt, 1};
        if (*fmt == '%') {
            s = *pieces++;
            fmt++;
        }
        if (s.len > size - 1 - len)
            s.len = size - 1 - len;
        memcpy(out + len, s.data, s.len);
        len += s.len;
    }
    out[len] = '\0';
    out[utf8_cut((struct slice){out, len}, size - 1)] = '\0';
}

bool texts_localise_from(const struct text *list, size_t count, const char *lang, struct err *err)
{
    struct slice pieces[ITEMS_MAX];
    int found;
    if (!lang || strcmp(lang, "zh-CN") != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (match(list[i].english, err->text, pieces, &found)) {
            char text[sizeof(err->text)];
            struct err tail;
            if (found > 1)
                translate_tail(list, count, lang, &pieces[found - 1], &tail);
            fill(list[i].chinese, pieces, text, sizeof(text));
            memcpy(err->text, text, sizeof(text));
            return true;
        }
    return false;
}

bool texts_localise(const char *lang, struct err *err)
{
    return texts_localise_from(texts, sizeof(texts) / sizeof(texts[0]), lang, err);
}
