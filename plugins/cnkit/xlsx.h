/* Inside cnkit: the parts of an XLSX file, a zip archive of XML (ECMA-376, Office Open XML). */
#ifndef CNKIT_XLSX_H
#define CNKIT_XLSX_H

#include "cnkit.h"

#include <expat.h>
#include <zip.h>

/* A cell has 32767 characters at most, as in every spreadsheet. */
enum { XLSX_SHEETS_MAX = 50, XLSX_STYLES_MAX = 65536, XLSX_CELL_BYTES_MAX = 4 * 32767 };

/* A date with its time, or hours that may be more than a day has: [h]:mm. */
enum xlsx_shows { XLSX_NUMBER, XLSX_DATE, XLSX_HOURS };

/* Texts side by side, each found by its number. */
struct xlsx_texts {
    char *bytes;
    size_t len, cap;
    size_t *ends;
    size_t count, room;
};

struct xlsx {
    const struct muster_host *host;
    struct muster_call *call;
    zip_t *zip;
    XML_Parser parser; /* of the part being read, and who is told of what is in it */
    XML_StartElementHandler start;
    XML_CharacterDataHandler text;
    size_t unpacked;      /* bytes of all parts so far */
    size_t heard;         /* as many of them were there at the last tag or text */
    size_t replied;       /* bytes of the reply, about */
    const char *why;      /* what was refused, in English, or NULL */
    const char *why_code; /* "ARG" or "LIMIT" */
    /* the workbook */
    struct xlsx_texts names, ids; /* of sheets: name, id of the relation */
    struct xlsx_texts relations;  /* id, target, id, target … */
    struct xlsx_texts strings;    /* shared ones */
    struct xlsx_texts formats;    /* number, code, number, code … of styles */
    unsigned char *shows;         /* what numbers of this style are: an enum xlsx_shows */
    size_t nstyles;
    bool from_1904;
};

/* Add a text, or NULL for no memory. */
bool xlsx_add(struct xlsx_texts *t, const char *text, size_t len);
/* The text of this number, which is there; it has a NUL behind it. */
const char *xlsx_text(const struct xlsx_texts *t, size_t nth);
size_t xlsx_text_len(const struct xlsx_texts *t, size_t nth);
void xlsx_texts_close(struct xlsx_texts *t);

/* Refuse the file and stop reading. The first reason stays. */
void xlsx_refuse(struct xlsx *x, const char *code, const char *why);
void xlsx_refuse_size(struct xlsx *x);
/* What the handlers of a part get begins with this. */
struct xlsx_reader {
    struct xlsx *x;
};
/* Read one part. False when it is not there; what is wrong is in `why`. */
bool xlsx_read(struct xlsx *x, const char *part, XML_StartElementHandler start, XML_EndElementHandler end,
               XML_CharacterDataHandler text, struct xlsx_reader *reader);
/* An element's name without its prefix; an attribute's value, or NULL. */
const char *xlsx_local(const char *name);
const char *xlsx_attribute(const char **attributes, const char *name);

/* xlsx_book.c: the parts around the sheets. */
void xlsx_read_book(struct xlsx *x);
/* The part of a sheet, or NULL. */
const char *xlsx_target(const struct xlsx *x, size_t sheet);

/* xlsx_cell.c: a number as a text, by its style: `value` itself or `out`. */
const char *xlsx_number(const struct xlsx *x, const char *value, size_t style, char out[64]);
/* Undo the escapes of a text, in place: _x000D_ is a line end. How many bytes are left. */
size_t xlsx_unescape(char *text, size_t len);

#endif
