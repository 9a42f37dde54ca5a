#include "cnkit.h"

#include <stdio.h>

/* The number of a resident's identity card, GB 11643-1999: six digits of division, eight of birth, three of order (odd:
 * male), and a check character by ISO 7064 MOD 11-2.
 *
 * Spreadsheets keep 15 significant digits. A column of such numbers that was ever opened as numbers ends in 000, or
 * looks like 6.54E+17; nothing can bring the lost digits back, so it is told apart from a slip of the keyboard. One in
 * eleven of the numbers damaged in this way passes the check, and a few true numbers end in 000: those are taken, with
 * a doubt. */

enum { DIGITS = 18, OLD_DIGITS = 15, KEPT_MAX = 40, YEAR_MIN = 1900 };

static const struct cnkit_reason fine = {NULL, NULL, NULL};
static const struct cnkit_reason empty = {"empty", "there is no number", "没有填写身份证号"};
static const struct cnkit_reason character = {"character", "it holds something else than 17 digits and a digit or X",
                                              "身份证号应为 17 位数字加一位数字或 X"};
static const struct cnkit_reason length = {"length", "it does not have 18 characters", "身份证号不是 18 位"};
static const struct cnkit_reason fifteen = {
    "fifteen", "it is an old number of 15 digits, void since 2013: take the one of 18 from the present card",
    "这是 15 位旧号码，2013 年起停用，请按现行证件填写 18 位号码"};
static const struct cnkit_reason excel = {
    "excel", "lost in Excel: it kept 15 digits only; take the number from the card and make the column text",
    "号码被 Excel 截断（只保留 15 位有效数字），请按证件重新填写并将该列设为文本"};
static const struct cnkit_reason doubt = {
    "excel_doubt", "it passes, and yet ends in 000 as numbers do that Excel has damaged: compare it with the card",
    "校验通过，但以 000 结尾，可能是被 Excel 截断的号码，请与证件核对"};
static const struct cnkit_reason division = {"division", "its first six digits are no division",
                                             "前六位不是行政区划代码"};
static const struct cnkit_reason date = {"date", "its digits 7 to 14 are no date of birth",
                                         "第 7 至 14 位不是有效的出生日期"};
static const struct cnkit_reason future = {"future", "its date of birth has not come yet", "出生日期晚于当前日期"};
static const struct cnkit_reason checksum = {"checksum", "its last character does not fit: a digit is wrong",
                                             "校验位不符，号码有误"};

/* The provinces' codes, GB/T 2260; 81 to 83 are on residence permits. */
static bool is_province(int code)
{
    static const unsigned char last[] = {0, 15, 23, 37, 46, 54, 65, 71, 83};
    return code >= 11 && code < 90 && code % 10 != 0 ? code <= last[code / 10] : code == 50;
}

static int number(const char *digits, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n = n * 10 + (digits[i] - '0');
    return n;
}

static bool is_date(int year, int month, int day)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < YEAR_MIN || month < 1 || month > 12 || day < 1)
        return false;
    return day <= days[month - 1] + (month == 2 && leap);
}

static char check_character(const char *digits)
{
    static const char weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (int i = 0; i < DIGITS - 1; i++)
        sum += weights[i] * (digits[i] - '0');
    return "10X98765432"[sum % 11];
}

/* ASCII digits and capitals, without blanks and what spreadsheets put before a text; its length, or -1. */
static int clean(struct muster_text text, char *out)
{
    int32_t points[CNKIT_POINTS(KEPT_MAX)];
    int count = cnkit_points(text, points, CNKIT_POINTS(KEPT_MAX)), n = 0;
    if (count < 0)
        return -1;
    count = cnkit_normal(points, count);
    for (int i = 0; i < count; i++) {
        const int32_t c = points[i];
        if (c == ' ' || c == '-' || (n == 0 && (c == '\'' || c == 0x2018 || c == 0x2019)))
            continue;
        if (c > 0x7E || n == KEPT_MAX)
            return -1;
        out[n++] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    out[n] = '\0';
    return n;
}

/* 6.54002E+17, as a spreadsheet shows a number that is too long for it. */
static bool is_scientific(const char *s)
{
    size_t n = strspn(s, "0123456789.");
    return n > 0 && s[n] == 'E' && s[n + 1] == '+' && strspn(s + n + 2, "0123456789") == strlen(s + n + 2);
}

static const struct cnkit_reason *check(const char *s, int len, struct muster_text today)
{
    const int digits = (int)strspn(s, "0123456789");
    char birth[12];
    if (len == 0)
        return &empty;
    if (is_scientific(s))
        return &excel;
    if (len == OLD_DIGITS && digits == len)
        return &fifteen;
    if (digits < len && !(digits == len - 1 && s[digits] == 'X'))
        return &character;
    if (len != DIGITS)
        return &length;
    const bool cut = strcmp(s + DIGITS - 3, "000") == 0, fits = check_character(s) == s[DIGITS - 1];
    if (cut && !fits)
        return &excel;
    if (!is_province(number(s, 2)) || number(s + 2, 4) == 0)
        return &division;
    if (!is_date(number(s + 6, 4), number(s + 10, 2), number(s + 12, 2)))
        return &date;
    snprintf(birth, sizeof(birth), "%.4s-%.2s-%.2s", s + 6, s + 10, s + 12);
    if (today.len > 0 && strcmp(birth, today.data) > 0)
        return &future;
    return !fits ? &checksum : cut ? &doubt : NULL;
}

CNKIT_COMMAND(idcard_check)
{
    char s[KEPT_MAX + 1] = "", birth[12], sex[] = "male";
    const struct muster_text today = args[1].type == MUSTER_NULL ? (struct muster_text){"", 0} : args[1].s;
    const int len = clean(args[0].s, s);
    const struct cnkit_reason *why = len < 0 ? &character : check(s, len, today);
    const bool ok = !why || why == &doubt;
    const char *no = NULL;
    if (ok && (s[DIGITS - 2] - '0') % 2 == 0)
        no = "female";
    else if (ok)
        no = sex;
    snprintf(birth, sizeof(birth), "%.4s-%.2s-%.2s", ok ? s + 6 : "", ok ? s + 10 : "", ok ? s + 12 : "");
    s[6] = ok ? '\0' : s[6];
    host->reply_map_open(call);
    host->reply_key(call, "ok");
    host->reply_bool(call, ok);
    cnkit_key_text(host, call, "birth", ok ? birth : NULL);
    cnkit_key_text(host, call, "sex", no);
    cnkit_key_text(host, call, "division", ok ? s : NULL);
    cnkit_reply_reason(host, call, why ? why : &fine);
    host->reply_close(call);
    return MUSTER_OK;
}
