#include "cnkit.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

/* Is this a person's name? Three kinds are: Han characters alone (2 to 15, the rare ones of the extension blocks
 * included), Han or other letters in parts with dots between them (古丽米热·艾比布力), and letters of one other script
 * with blanks, hyphens, apostrophes and points. What is refused says which rule it broke, because a clerk has to find
 * the slip in a list of hundreds. */

enum { DOT = 0xB7, HAN_MAX = 15, PARTS_MAX = 8, LETTERS_MAX = 100 };

static const struct cnkit_reason empty = {"empty", "there is no name", "没有填写姓名"};
static const struct cnkit_reason digit = {"digit", "a name has no digits", "姓名中不能有数字"};
static const struct cnkit_reason control = {"control", "it holds a control character", "姓名中有控制字符"};
static const struct cnkit_reason damaged = {
    "damaged", "it holds a character that was lost when the text was converted: type the name again",
    "姓名中有转换编码时丢失的字，请重新录入"};
static const struct cnkit_reason own = {
    "private", "it holds a character of an old system's private area: type the character that is meant",
    "姓名中有旧系统的自造字，请改用标准字"};
static const struct cnkit_reason symbol = {"symbol", "it holds a symbol or a punctuation mark",
                                           "姓名中有符号、标点或表情"};
static const struct cnkit_reason mixed = {"mixed", "it mixes scripts", "姓名混用了不同的文字"};
static const struct cnkit_reason dots = {"dot", "a dot stands between two parts of a name, once",
                                         "间隔号只能单独出现在姓名的两部分之间"};
static const struct cnkit_reason too_short = {"short", "one character is no whole name", "只有一个字，姓名不完整"};
static const struct cnkit_reason too_long = {"long", "it is too long for a name: 15 Han characters in a part, 8 parts",
                                             "姓名过长：每部分最多 15 字，最多 8 部分"};
static const struct cnkit_reason blank = {"blank", "a name in Han characters has no blanks", "汉字姓名中不能有空格"};

struct name {
    const int32_t *points;
    int count;
    int han, others, dots, blanks;
    UScriptCode script; /* of the others */
};

static const struct cnkit_reason *letter(struct name *n, int32_t c)
{
    UErrorCode why = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(c, &why);
    if (script == USCRIPT_INHERITED || script == USCRIPT_COMMON) /* a mark, or a letter of several scripts: ʻ */
        return NULL;
    if (n->others > 0 && script != n->script)
        return &mixed;
    n->script = script;
    n->others++;
    return NULL;
}

static const struct cnkit_reason *point(struct name *n, int32_t c)
{
    if (cnkit_is_han(c)) {
        n->han++;
        return NULL;
    }
    if (c == DOT || c == ' ') {
        *(c == DOT ? &n->dots : &n->blanks) += 1;
        return NULL;
    }
    if (u_isalpha(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK))
        return letter(n, c);
    if (u_isdigit(c))
        return &digit;
    if (u_iscntrl(c))
        return &control;
    if (c == 0xFFFD)
        return &damaged;
    if (u_charType(c) == U_PRIVATE_USE_CHAR)
        return &own;
    if (n->others > 0 && (c == '-' || c == '\'' || c == '.' || c == 0x2019))
        return NULL;
    return &symbol;
}

/* Every part has a letter, and none has too many. */
static const struct cnkit_reason *parts(const struct name *n)
{
    int len = 0;
    for (int i = 0; i < n->count; i++) {
        if (n->points[i] != DOT) {
            len++;
            continue;
        }
        if (len == 0 || i + 1 == n->count)
            return &dots;
        if (n->han > 0 && len > HAN_MAX)
            return &too_long;
        len = 0;
    }
    return (n->han > 0 && len > HAN_MAX) || n->dots >= PARTS_MAX ? &too_long : NULL;
}

static const struct cnkit_reason *check(struct name *n)
{
    for (int i = 0; i < n->count; i++) {
        const struct cnkit_reason *why = point(n, n->points[i]);
        if (why)
            return why;
    }
    if (n->han + n->others == 0)
        return &empty;
    if (n->han > 0 && n->others > 0)
        return &mixed;
    if (n->han > 0 && n->blanks > 0)
        return &blank;
    const struct cnkit_reason *why = n->count > LETTERS_MAX ? &too_long : parts(n);
    return !why && n->han + n->others == 1 ? &too_short : why;
}

CNKIT_COMMAND(name_check)
{
    static const struct cnkit_reason fine = {NULL, NULL, NULL};
    int32_t points[CNKIT_POINTS(CNKIT_NAME_MAX)];
    char out[4 * CNKIT_POINTS(CNKIT_NAME_MAX)];
    struct name n = {.points = points, .count = cnkit_points(args[0].s, points, CNKIT_POINTS(CNKIT_NAME_MAX))};
    const struct cnkit_reason *why = &too_long;
    if (n.count >= 0) {
        n.count = cnkit_normal(points, n.count);
        why = check(&n);
    }
    host->reply_map_open(call);
    host->reply_key(call, "ok");
    host->reply_bool(call, !why);
    host->reply_key(call, "name");
    host->reply_text(call, (struct muster_text){out, n.count > 0 ? cnkit_bytes(points, n.count, out) : 0});
    cnkit_key_text(host, call, "script", why ? NULL : n.han > 0 ? "han" : uscript_getShortName(n.script));
    cnkit_reply_reason(host, call, why ? why : &fine);
    host->reply_close(call);
    return MUSTER_OK;
}
