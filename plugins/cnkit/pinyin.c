#include "cnkit.h"

#include "initials.inc"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

/* First letters of the readings, for searching as clerks type: 张三 is zs. A character has the reading that ICU (CLDR,
 * Unihan kMandarin) gives it alone, but for surnames that are read otherwise: those come from the table below, for
 * persons' names only (单位 is dw, 单小明 is sxm). A word of another script gives its first letter without its marks;
 * dots, blanks, digits and characters without a reading give nothing. */

enum { SURNAME_MAX = 2, DOT = 0xB7 };

/* Surnames whose first letter as a surname is another than in other words, after 现代汉语词典 (7th edition), entries
 * marked 姓. Where a surname has two readings with different letters (覃, 乐) none is put here. */
static const struct {
    int32_t name[SURNAME_MAX];
    char letters[SURNAME_MAX];
} surnames[] = {
    {{0x4E07, 0x4FDF}, "mq"}, /* 万俟 */
    {{0x5C09, 0x8FDF}, "yc"}, /* 尉迟 */
    {{0x957F, 0x5B59}, "zs"}, /* 长孙 */
    {{0x9577, 0x5B6B}, "zs"}, /* 長孫 */
    {{0x6FB9, 0x53F0}, "tt"}, /* 澹台 */
    {{0x5355, 0x4E8E}, "cy"}, /* 单于 */
    {{0x55AE, 0x65BC}, "cy"}, /* 單於 */
    {{0x5355}, "s"},          /* 单 */
    {{0x55AE}, "s"},          /* 單 */
    {{0x66FE}, "z"},          /* 曾 */
    {{0x89E3}, "x"},          /* 解 */
    {{0x4EC7}, "q"},          /* 仇 */
    {{0x533A}, "o"},          /* 区 */
    {{0x5340}, "o"},          /* 區 */
    {{0x67E5}, "z"},          /* 查 */
    {{0x7FDF}, "z"},          /* 翟 */
    {{0x796D}, "z"},          /* 祭 */
    {{0x6298}, "s"},          /* 折 */
    {{0x79CD}, "c"},          /* 种 */
    {{0x53EC}, "s"},          /* 召 */
    {{0x7E41}, "p"},          /* 繁 */
    {{0x79D8}, "b"},          /* 秘 */
    {{0x85CF}, "z"},          /* 藏 */
    {{0x891A}, "c"},          /* 褚 */
    {{0x6D17}, "x"},          /* 洗 */
    {{0x76D6}, "g"},          /* 盖 */
    {{0x84CB}, "g"},          /* 蓋 */
    {{0x76DB}, "s"},          /* 盛 */
    {{0x6C88}, "s"},          /* 沈 */
    {{0x8F66}, "c"},          /* 车 */
    {{0x8D3E}, "j"},          /* 贾 */
    {{0x6734}, "p"},          /* 朴 */
    {{0x961A}, "k"},          /* 阚 */
    {{0x95DE}, "k"},          /* 闞 */
    {{0x851A}, "y"},          /* 蔚 */
    {{0x4E5C}, "n"},          /* 乜 */
    {{0x4F74}, "n"},          /* 佴 */
    {{0x53E5}, "g"},          /* 句 */
    {{0x665F}, "c"},          /* 晟 */
};

/* Of 晟, ICU's data has the reading of the surname alone; in given names it is shèng (现代汉语词典). */
static char reading(int32_t c)
{
    if (c == 0x665F)
        return 's';
    if (c >= 0x4E00 && c <= 0x9FFF)
        return initials_4e00[c - 0x4E00];
    if (c >= 0x3400 && c <= 0x4DBF)
        return initials_3400[c - 0x3400];
    if (c >= 0x20000 && c <= 0x323AF)
        return initials_20000[c - 0x20000];
    if (c >= 0xF900 && c <= 0xFAFF)
        return initials_f900[c - 0xF900];
    return c == 0x3007 ? 'l' : '.'; /* 〇 */
}

/* A name of more than four Han characters, or with dots, is the sound of one in another language: 查干巴特尔 has no
 * surname, and is read as it is written. */
static bool is_sound(const int32_t *points, int count)
{
    int han = 0;
    for (int i = 0; i < count; i++) {
        if (points[i] == DOT)
            return true;
        han += cnkit_is_han(points[i]);
    }
    return han > 4;
}

/* The surname at the front; how many characters it has, 0 when the table has none. */
static int surname(const int32_t *points, int count, const char **letters)
{
    for (size_t i = 0; i < sizeof(surnames) / sizeof(*surnames); i++) {
        const int n = surnames[i].name[1] ? 2 : 1;
        if (count <= n || points[0] != surnames[i].name[0] || (n == 2 && points[1] != surnames[i].name[1]))
            continue;
        *letters = surnames[i].letters;
        return n;
    }
    return 0;
}

/* The letter below the marks of a word's first one, or '.' when it is none of a to z. */
static char plain_letter(int32_t c)
{
    UErrorCode why = U_ZERO_ERROR;
    UChar parts[8];
    if (c > 0x7F && unorm2_getDecomposition(unorm2_getNFDInstance(&why), c, parts, 8, &why) > 0 && U_SUCCESS(why))
        c = parts[0];
    c = u_tolower(c);
    return c >= 'a' && c <= 'z' ? (char)c : '.';
}

CNKIT_COMMAND(pinyin_initials)
{
    int32_t points[CNKIT_POINTS(CNKIT_NAME_MAX)];
    char out[CNKIT_POINTS(CNKIT_NAME_MAX)];
    const char *letters = "";
    size_t len = 0;
    int n = cnkit_points(args[0].s, points, CNKIT_POINTS(CNKIT_NAME_MAX));
    if (n < 0)
        return host->fail(call, "LIMIT", "cnkit.name", "name",
                          "the name has more than 200 characters once it is composed", NULL, 0);
    n = cnkit_normal(points, n);
    const bool person = strcmp(args[1].s.data, "person") == 0 && !is_sound(points, n);
    const int first = person ? surname(points, n, &letters) : 0;
    for (int i = 0; i < first; i++)
        out[len++] = letters[i];
    bool in_word = false;
    for (int i = first; i < n; i++) {
        const bool han = cnkit_is_han(points[i]), alpha = !han && u_isalpha(points[i]);
        const char letter = han ? reading(points[i]) : alpha && !in_word ? plain_letter(points[i]) : '.';
        if (letter != '.')
            out[len++] = letter;
        in_word = alpha || (in_word && (U_GET_GC_MASK(points[i]) & U_GC_M_MASK));
    }
    host->reply_text(call, (struct muster_text){out, len});
    return MUSTER_OK;
}
