#include "xlsx.h"

#include <stdlib.h>

/* One part of the archive, unpacked piece by piece into the XML reader. Everything unpacked is counted, so a bomb ends
 * at 64 MiB whatever its head says. A document type is refused: XLSX has none, and entities that grow begin there.
 *
 * The reader looks at an unfinished tag again from its beginning with each piece, so tags are bounded, too. */

enum { UNPACKED_MAX = 64 << 20, PIECE = 65536, TEXTS_MAX = 64 << 20, TOKEN_MAX = 1 << 20 };

bool xlsx_add(struct xlsx_texts *t, const char *text, size_t len)
{
    if (t->len + len + 1 > t->cap) {
        size_t cap = t->cap ? t->cap : 4096;
        while (cap < t->len + len + 1)
            cap *= 2;
        char *bytes = cap <= 2 * (size_t)TEXTS_MAX ? realloc(t->bytes, cap) : NULL;
        if (!bytes)
            return false;
        t->bytes = bytes;
        t->cap = cap;
    }
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        size_t *ends = realloc(t->ends, room * sizeof(*ends));
        if (!ends)
            return false;
        t->ends = ends;
        t->room = room;
    }
    memcpy(t->bytes + t->len, text, len);
    t->len += len;
    t->bytes[t->len++] = '\0';
    t->ends[t->count++] = t->len;
    return true;
}

const char *xlsx_text(const struct xlsx_texts *t, size_t nth)
{
    return t->bytes + (nth ? t->ends[nth - 1] : 0);
}

size_t xlsx_text_len(const struct xlsx_texts *t, size_t nth)
{
    return t->ends[nth] - (nth ? t->ends[nth - 1] : 0) - 1;
}

void xlsx_texts_close(struct xlsx_texts *t)
{
    free(t->bytes);
    free(t->ends);
}

void xlsx_refuse(struct xlsx *x, const char *code, const char *why)
{
    if (!x->why) {
        x->why = why;
        x->why_code = code;
    }
    if (x->parser)
        XML_StopParser(x->parser, XML_FALSE);
}

void xlsx_refuse_size(struct xlsx *x)
{
    xlsx_refuse(x, "LIMIT",
                "the file has more than 20000 rows, 256 columns, 400000 cells or 32767 characters in a cell");
}

const char *xlsx_local(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

const char *xlsx_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(xlsx_local(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

static void refuse_doctype(void *arg, const char *name, const char *system, const char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    xlsx_refuse(((struct xlsx_reader *)arg)->x, "ARG",
                "a part of the file has a document type, as XLSX files have not");
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct xlsx *x = ((struct xlsx_reader *)arg)->x;
    x->heard = x->unpacked;
    x->start(arg, name, attributes);
}

static void on_text(void *arg, const char *text, int len)
{
    struct xlsx *x = ((struct xlsx_reader *)arg)->x;
    x->heard = x->unpacked;
    x->text(arg, text, len);
}

/* expat reads a tag that is not whole yet from its beginning with each piece: one without end would take for ever. */
static void feed(struct xlsx *x, zip_file_t *file)
{
    zip_int64_t n;
    x->heard = x->unpacked;
    do {
        void *piece = XML_GetBuffer(x->parser, PIECE);
        n = piece ? zip_fread(file, piece, PIECE) : -1;
        if (n < 0) {
            xlsx_refuse(x, "ARG", "the file is damaged, or has a password: save it again as .xlsx, without one");
            return;
        }
        x->unpacked += (size_t)n;
        if (x->unpacked > UNPACKED_MAX) {
            xlsx_refuse(x, "LIMIT", "the file has more than 64 MiB unpacked; send it in parts");
            return;
        }
        if (XML_ParseBuffer(x->parser, (int)n, n == 0) != XML_STATUS_OK)
            xlsx_refuse(x, "ARG", "a part of the file is no XML as it should be");
        if (x->unpacked - x->heard > TOKEN_MAX)
            xlsx_refuse(x, "LIMIT", "a part of the file has a tag of more than 1 MiB");
        if (x->host->stopped(x->call))
            xlsx_refuse(x, "LIMIT", "it takes too long to read the file; send it in parts");
    } while (n > 0 && !x->why);
}

bool xlsx_read(struct xlsx *x, const char *part, XML_StartElementHandler start, XML_EndElementHandler end,
               XML_CharacterDataHandler text, struct xlsx_reader *reader)
{
    zip_file_t *file = x->why ? NULL : zip_fopen(x->zip, *part == '/' ? part + 1 : part, 0);
    if (!file)
        return false;
    x->parser = XML_ParserCreate(NULL);
    if (x->parser) {
        XML_SetUserData(x->parser, reader);
        x->start = start;
        x->text = text;
        XML_SetElementHandler(x->parser, on_start, end);
        XML_SetCharacterDataHandler(x->parser, on_text);
        XML_SetStartDoctypeDeclHandler(x->parser, refuse_doctype);
        feed(x, file);
        XML_ParserFree(x->parser);
    }
    x->parser = NULL;
    zip_fclose(file);
    return true;
}
