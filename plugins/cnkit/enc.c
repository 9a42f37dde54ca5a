#include "cnkit.h"

#include <stdio.h>

#include <unicode/ucnv.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

/* Files as they come from offices: UTF-8 with or without a byte order mark, GB18030 (what Excel and old systems in
 * China save; GBK and GB2312 are parts of it), or UTF-16 with a mark. A mark decides; else valid UTF-8 is UTF-8, for
 * GB18030 text of any length is hardly ever that by chance; else it must be GB18030 through and through. A file that has
 * begun with Han characters in UTF-8 is a damaged one of these, whatever GB18030 might make of the rest. What is neither
 * is refused with the place, never mended: a question mark in a name is worse than a refusal. */

/* So many Han characters are UTF-8 by chance in one of 10^8 texts of GB18030. */
enum { UTF8_HAN = 4 };

static int refuse(const struct muster_host *host, struct muster_call *call, const char *what, size_t offset,
                  unsigned char byte)
{
    char where[24], value[8];
    const char *const items[] = {where, value};
    snprintf(where, sizeof(where), "%zu", offset + 1);
    snprintf(value, sizeof(value), "%02X", byte);
    return host->fail(call, "ARG", "cnkit.encoding", "bytes", what, items, 2);
}

/* How many bytes are UTF-8 without NUL, and how many Han characters they hold. */
static size_t valid_utf8(struct muster_text s, int *han)
{
    const int32_t len = (int32_t)s.len;
    int32_t i = 0;
    while (i < len) {
        const int32_t before = i;
        UChar32 c = (unsigned char)s.data[i];
        if (c > 0 && c < 0x80) {
            i++;
            continue;
        }
        U8_NEXT(s.data, i, len, c);
        if (c <= 0)
            return (size_t)before;
        *han += c >= 0x4E00 && c <= 0x9FFF;
    }
    return s.len;
}

/* UTF-16 of the converter's choice to UTF-8, in the command's memory. */
static int to_text(const struct muster_host *host, struct muster_call *call, const UChar *from, int32_t len,
                   struct muster_text *out)
{
    UErrorCode why = U_ZERO_ERROR;
    int32_t bytes = 0;
    char *text = host->alloc(call, (size_t)len * 3 + 1);
    if (!text)
        return MUSTER_FAILED;
    u_strToUTF8(text, len * 3 + 1, &bytes, from, len, &why);
    if (U_FAILURE(why))
        return host->fail(call, "ARG", "cnkit.encoding", "bytes", "the file holds half a character of UTF-16", NULL, 0);
    *out = (struct muster_text){text, (size_t)bytes};
    return MUSTER_OK;
}

/* The whole of `bytes` by one of ICU's converters, strictly, but for a mark of so many bytes at its front. With `fault`
 * the place where it fails is not refused, but put there. */
static int convert(const struct muster_host *host, struct muster_call *call, const char *converter,
                   struct muster_text bytes, size_t mark, const char *what, size_t *fault, struct muster_text *out)
{
    UErrorCode why = U_ZERO_ERROR;
    UConverter *c = ucnv_open(converter, &why);
    UChar *const text = host->alloc(call, (bytes.len + 1) * sizeof(UChar)), *to = text;
    const char *from = bytes.data + mark;
    char bad[16];
    int8_t nbad = sizeof(bad);
    if (U_FAILURE(why)) {
        ucnv_close(c);
        return host->fail(call, "INTERNAL", "cnkit.converter", NULL, "ICU lacks its converter", NULL, 0);
    }
    ucnv_setToUCallBack(c, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &why);
    int rv = text ? MUSTER_OK : MUSTER_FAILED;
    if (rv == MUSTER_OK)
        ucnv_toUnicode(c, &to, text + bytes.len, &from, bytes.data + bytes.len, NULL, true, &why);
    if (rv == MUSTER_OK && U_FAILURE(why)) {
        UErrorCode ignored = U_ZERO_ERROR;
        ucnv_getInvalidChars(c, bad, &nbad, &ignored);
        size_t at = (size_t)(from - bytes.data);
        at -= U_SUCCESS(ignored) && (size_t)nbad <= at ? (size_t)nbad : 0;
        if (fault)
            *fault = at;
        rv = fault ? MUSTER_FAILED : refuse(host, call, what, at, at < bytes.len ? (unsigned char)bytes.data[at] : 0);
    }
    ucnv_close(c);
    return rv == MUSTER_OK ? to_text(host, call, text, (int32_t)(to - text), out) : rv;
}

/* NUL has no place in a text. */
static int check_nul(const struct muster_host *host, struct muster_call *call, struct muster_text text)
{
    const char *nul = text.len > 0 ? memchr(text.data, 0, text.len) : NULL;
    return nul ? refuse(host, call, "the file is no text: character %s is NUL (byte %s)", (size_t)(nul - text.data), 0)
               : MUSTER_OK;
}

static bool begins(struct muster_text bytes, const char *mark, size_t len)
{
    return bytes.len >= len && memcmp(bytes.data, mark, len) == 0;
}

static struct muster_text after(struct muster_text bytes, size_t len)
{
    return (struct muster_text){bytes.data + len, bytes.len - len};
}

int cnkit_decode(const struct muster_host *host, struct muster_call *call, struct muster_text bytes,
                 struct muster_text from, struct cnkit_decoded *out)
{
    static const char bad_gb[] = "the file is not GB18030: byte %s is %s; save it as UTF-8 and send it again";
    static const char bad_both[] =
        "the file is neither UTF-8 nor GB18030: byte %s is %s; save it as UTF-8 and send it again";
    static const char bad_utf8[] = "the file is not UTF-8: byte %s is %s; save it as UTF-8 and send it again";
    static const char bad_utf16[] = "the file is not UTF-16: byte %s is %s; save it as UTF-8 and send it again";
    const bool is_auto = strcmp(from.data, "auto") == 0;
    int rv = MUSTER_OK;
    bytes.data = bytes.len > 0 ? bytes.data : "";
    *out = (struct cnkit_decoded){.text = bytes, .encoding = "utf-8"};
    if (strcmp(from.data, "gb18030") == 0 || begins(bytes, "\x84\x31\x95\x33", 4)) {
        out->encoding = "gb18030";
        out->bom = begins(bytes, "\x84\x31\x95\x33", 4);
        rv = convert(host, call, "gb18030", bytes, out->bom ? 4 : 0, bad_gb, NULL, &out->text);
    } else if (is_auto && (begins(bytes, "\xFF\xFE", 2) || begins(bytes, "\xFE\xFF", 2))) {
        const bool little = bytes.data[0] == '\xFF';
        out->encoding = little ? "utf-16le" : "utf-16be";
        out->bom = true;
        rv = convert(host, call, little ? "UTF-16LE" : "UTF-16BE", bytes, 2, bad_utf16, NULL, &out->text);
    } else {
        const size_t mark = begins(bytes, "\xEF\xBB\xBF", 3) ? 3 : 0;
        int han = 0;
        out->bom = mark > 0;
        out->text = after(bytes, mark);
        const size_t good = mark + valid_utf8(out->text, &han);
        if (good < bytes.len && is_auto && !out->bom) {
            size_t fault = bytes.len;
            out->encoding = "gb18030";
            rv = convert(host, call, "gb18030", bytes, 0, NULL, &fault, &out->text);
            if (han >= UTF8_HAN || (rv != MUSTER_OK && han > 0 && good > fault))
                rv = refuse(host, call, bad_utf8, good, (unsigned char)bytes.data[good]);
            else if (rv != MUSTER_OK && fault < bytes.len)
                rv = refuse(host, call, bad_both, fault, (unsigned char)bytes.data[fault]);
        } else if (good < bytes.len) {
            rv = refuse(host, call, bad_utf8, good, (unsigned char)bytes.data[good]);
        }
    }
    return rv == MUSTER_OK ? check_nul(host, call, out->text) : rv;
}

int cnkit_encode(const struct muster_host *host, struct muster_call *call, struct muster_text text,
                 struct muster_text *out)
{
    UErrorCode why = U_ZERO_ERROR;
    const int32_t room = (int32_t)(text.len * 2 + 4); /* two bytes of UTF-8 may need four here */
    UChar *wide = host->alloc(call, (text.len + 1) * sizeof(UChar));
    char *bytes = host->alloc(call, (size_t)room);
    int32_t len = 0;
    if (!wide || !bytes)
        return MUSTER_FAILED;
    u_strFromUTF8(wide, (int32_t)text.len + 1, &len, text.data, (int32_t)text.len, &why);
    UConverter *c = ucnv_open("gb18030", &why);
    ucnv_setFromUCallBack(c, UCNV_FROM_U_CALLBACK_STOP, NULL, NULL, NULL, &why);
    len = ucnv_fromUChars(c, bytes, room, wide, len, &why);
    ucnv_close(c);
    if (U_FAILURE(why))
        return host->fail(call, "ARG", "cnkit.encoding", "text", "the text holds a character that GB18030 lacks", NULL,
                          0);
    *out = (struct muster_text){bytes, (size_t)len};
    return MUSTER_OK;
}

CNKIT_COMMAND(enc_to_utf8)
{
    struct cnkit_decoded file;
    if (cnkit_decode(host, call, args[0].s, args[1].s, &file) != MUSTER_OK)
        return MUSTER_FAILED;
    host->reply_map_open(call);
    host->reply_key(call, "text");
    host->reply_text(call, file.text);
    cnkit_key_text(host, call, "encoding", file.encoding);
    host->reply_key(call, "bom");
    host->reply_bool(call, file.bom);
    host->reply_close(call);
    return MUSTER_OK;
}

CNKIT_COMMAND(enc_to_gb18030)
{
    struct muster_text bytes;
    if (cnkit_encode(host, call, args[0].s, &bytes) != MUSTER_OK)
        return MUSTER_FAILED;
    host->reply_blob(call, bytes);
    return MUSTER_OK;
}
