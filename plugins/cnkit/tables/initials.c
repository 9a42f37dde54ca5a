/* Runs while the plugin is built: writes the first letter of every Han character's reading, as ICU's "Han-Latin" has
 * it, as C strings. Opening that transliterator takes milliseconds and holds a lock, so it has no place in a command. */
#include <stdio.h>
#include <stdlib.h>

#include <unicode/uchar.h>
#include <unicode/uclean.h>
#include <unicode/unorm2.h>
#include <unicode/utrans.h>

static const struct {
    const char *name;
    UChar32 from, to;
} blocks[] = {
    {"initials_3400", 0x3400, 0x4DBF},
    {"initials_4e00", 0x4E00, 0x9FFF},
    {"initials_f900", 0xF900, 0xFAFF},
    {"initials_20000", 0x20000, 0x323AF},
};

static void need(UErrorCode why, const char *what)
{
    if (U_SUCCESS(why))
        return;
    fprintf(stderr, "initials: %s: %s\n", what, u_errorName(why));
    exit(1);
}

static char initial(const UTransliterator *t, const UNormalizer2 *nfd, UChar32 c)
{
    UChar text[64], plain[128];
    UErrorCode why = U_ZERO_ERROR;
    int32_t len = 0, limit;
    U16_APPEND_UNSAFE(text, len, c);
    limit = len;
    utrans_transUChars(t, text, &len, 64, 0, &limit, &why);
    unorm2_normalize(nfd, text, len, plain, 128, &why);
    need(why, "a character");
    const UChar32 first = u_tolower(plain[0]);
    return first >= 'a' && first <= 'z' ? (char)first : '.';
}

int main(void)
{
    static const UChar id[] = u"Han-Latin";
    UErrorCode why = U_ZERO_ERROR;
    UTransliterator *t = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &why);
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&why);
    need(why, "Han-Latin");
    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
        printf("static const char %s[] =", blocks[i].name);
        for (UChar32 c = blocks[i].from; c <= blocks[i].to; c++) {
            if ((c - blocks[i].from) % 96 == 0)
                printf("%s\n    \"", c > blocks[i].from ? "\"" : "");
            putchar(initial(t, nfd, c));
        }
        printf("\";\n");
    }
    utrans_close(t);
    u_cleanup();
    return ferror(stdout) || fflush(stdout) != 0;
}
