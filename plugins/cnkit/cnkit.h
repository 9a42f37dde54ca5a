/* Inside cnkit: the functions behind its commands, listed in cnkit.c, and what their files share. All are pure: bytes
 * in, one reply out; no statics that change, memory from host->alloc or freed before the end. */
#ifndef CNKIT_H
#define CNKIT_H

#include <muster.h>

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#define CNKIT_COMMAND(name)                                                                                            \
    int cnkit_##name(const struct muster_host *host, struct muster_call *call, const struct muster_value *args)

/* -- reply.c -- */

struct muster_text cnkit_text(const char *text);
void cnkit_key_text(const struct muster_host *host, struct muster_call *call, const char *key, const char *text);
/* Why something is not as it should be: a word for programs, a sentence in each language. NULLs when all is well. */
struct cnkit_reason {
    const char *word, *en, *zh;
};
/* Is it []? Lua has one empty table, which comes as a list where a map was meant. */
bool cnkit_is_empty(const json_t *list);
/* The keys reason, en and zh of the open map. */
void cnkit_reply_reason(const struct muster_host *host, struct muster_call *call, const struct cnkit_reason *reason);

/* -- text.c -- */

CNKIT_COMMAND(name_norm);
CNKIT_COMMAND(name_check);

enum { CNKIT_NAME_MAX = 200 };
/* A text of `max` characters in NFC has at most so many code points. */
#define CNKIT_POINTS(max) (3 * (max))
/* NFC of `text` (valid UTF-8) in code points; how many there are, or -1 when they would be more than `max`. */
int cnkit_points(struct muster_text text, int32_t *out, int max);
/* The form in which names are stored, in place; how many code points are left. */
int cnkit_normal(int32_t *points, int count);
/* Code points as UTF-8: `out` has room for 4 bytes each. Returns the bytes written. */
size_t cnkit_bytes(const int32_t *points, int count, char *out);
bool cnkit_is_han(int32_t c);
/* How many bytes at `text` (UTF-8 that ends in NUL) are a character that XML does not have though Unicode does: U+FFFE
 * and U+FFFF. 0 when it begins otherwise. Control characters are the caller's affair. */
size_t cnkit_not_xml(const char *text);

/* -- pinyin.c, grams.c, idcard.c, yuan.c -- */

CNKIT_COMMAND(pinyin_initials);
CNKIT_COMMAND(grams);
CNKIT_COMMAND(idcard_check);
CNKIT_COMMAND(yuan_parse);
CNKIT_COMMAND(yuan_format);

/* An amount in words (陆万玖仟陆佰伍拾元整), in fen; false when it is none. */
bool cnkit_yuan_words(const int32_t *points, int count, int64_t *fen);

/* -- enc.c -- */

CNKIT_COMMAND(enc_to_utf8);
CNKIT_COMMAND(enc_to_gb18030);

enum { CNKIT_FILE_MAX = 4 * 1024 * 1024 };
struct cnkit_decoded {
    struct muster_text text;
    const char *encoding; /* "utf-8", "gb18030", "utf-16le", "utf-16be" */
    bool bom;             /* there was one; it is not part of the text */
};
/* A file's bytes as UTF-8. `from`: "auto", "utf8" or "gb18030". MUSTER_OK, or refused with the offset of the byte at
 * fault. The text lives as long as the command. */
int cnkit_decode(const struct muster_host *host, struct muster_call *call, struct muster_text bytes,
                 struct muster_text from, struct cnkit_decoded *out);
/* UTF-8 as GB18030; the same. */
int cnkit_encode(const struct muster_host *host, struct muster_call *call, struct muster_text text,
                 struct muster_text *out);

/* -- csv.c, csv_format.c -- */

CNKIT_COMMAND(csv_parse);
CNKIT_COMMAND(csv_format);

/* -- svg_bar.c, svg_line.c, svg_map.c, xlsx_write.c, xlsx_parse.c -- */

CNKIT_COMMAND(svg_bar);
CNKIT_COMMAND(svg_line);
CNKIT_COMMAND(svg_areamap);
CNKIT_COMMAND(xlsx_write);
CNKIT_COMMAND(xlsx_parse);

/* -- csv.c -- */

/* What a spreadsheet would take for a formula: its first character, and what follows is no plain number. */
bool cnkit_is_formula(struct muster_text cell);

#endif
