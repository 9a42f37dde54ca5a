#include "cnkit.h"

#include <stdio.h>

/* Reading: RFC 4180 and what is met besides. Rows end in CRLF, LF or CR; the delimiter is a comma, a semicolon or a
 * tab, taken from the first row unless it is said (Excel's own line `sep=;` says it, too); a quote inside a cell that
 * does not begin with one stands for itself; rows may differ in length, and an empty line is a row with one empty cell,
 * so that row numbers are those that the spreadsheet shows. What can't be understood is refused with row and column.
 *
 * The file is read where it lies; only cells in quotes are copied. Two passes: the first one finds every fault, so that
 * nothing is half replied. */

enum { ROWS_MAX = 20000, COLUMNS_MAX = 256, CELLS_MAX = 400000, CELL_BYTES_MAX = 32767 };

struct csv {
    const struct muster_host *host;
    struct muster_call *call;
    const char *at, *end;
    char delimiter;
    bool unescape;
    int row, column, cells;
    char *scratch; /* the cell being read */
};

static int refuse(const struct csv *c, const char *rule, const char *what)
{
    char row[16], column[16];
    const char *const items[] = {row, column};
    snprintf(row, sizeof(row), "%d", c->row);
    snprintf(column, sizeof(column), "%d", c->column);
    return c->host->fail(c->call, strcmp(rule, "cnkit.csv_size") == 0 ? "LIMIT" : "ARG", rule, "bytes", what, items, 2);
}

/* -- what a spreadsheet would run -- */

static bool is_number(struct muster_text s)
{
    size_t i = s.len > 0 && (s.data[0] == '+' || s.data[0] == '-'), digits = 0;
    for (; i < s.len; i++) {
        digits += s.data[i] >= '0' && s.data[i] <= '9';
        if (!memchr("0123456789.,%", s.data[i], 13))
            return false;
    }
    return digits > 0;
}

bool cnkit_is_formula(struct muster_text s)
{
    static const char *const wide[] = {"＝", "＋", "－", "＠"};
    if (s.len == 0)
        return false;
    if (memchr("=+-@\t\r\n", s.data[0], 7))
        return !is_number(s);
    for (int i = 0; i < 4; i++)
        if (s.len >= 3 && memcmp(s.data, wide[i], 3) == 0)
            return true;
    return false;
}

/* ="…", with each quote inside doubled: anything else is another formula. */
static bool is_literal(struct muster_text s)
{
    if (s.len < 3 || memcmp(s.data, "=\"", 2) != 0 || s.data[s.len - 1] != '"')
        return false;
    for (size_t i = 2; i + 1 < s.len; i++)
        if (s.data[i] == '"' && (++i + 1 == s.len || s.data[i] != '"'))
            return false;
    return true;
}

/* Undo what csv.format did: `'=…` is `=…`, and `="…"` is the text in the quotes. */
static struct muster_text unescaped(struct muster_text s)
{
    size_t quotes = 0, n = 0;
    while (quotes < s.len && s.data[quotes] == '\'')
        quotes++;
    if (quotes > 0 && cnkit_is_formula((struct muster_text){s.data + quotes, s.len - quotes}))
        return (struct muster_text){s.data + 1, s.len - 1};
    if (!is_literal(s))
        return s;
    char *out = (char *)(uintptr_t)s.data; /* the scratch of the cell */
    for (size_t i = 2; i + 1 < s.len; i++) {
        out[n++] = s.data[i];
        if (s.data[i] == '"')
            i++;
    }
    return (struct muster_text){out, n};
}

/* -- cells -- */

static bool ends_row(const struct csv *c)
{
    return c->at == c->end || *c->at == '\n' || *c->at == '\r';
}

static int append(struct csv *c, size_t *len)
{
    if (*len == CELL_BYTES_MAX)
        return refuse(c, "cnkit.csv_size", "row %s, column %s: the cell has more than 32767 bytes");
    c->scratch[(*len)++] = *c->at;
    return MUSTER_OK;
}

/* From the opening quote to behind the closing one; two quotes inside are one. */
static int quoted(struct csv *c, size_t *len)
{
    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at == '"' && (++c->at == c->end || *c->at != '"'))
            return ends_row(c) || *c->at == c->delimiter
                       ? MUSTER_OK
                       : refuse(c, "cnkit.csv_quote", "row %s, column %s: something stands behind the closing quote");
        if (append(c, len) != MUSTER_OK)
            return MUSTER_FAILED;
    }
    return refuse(c, "cnkit.csv_quote", "row %s, column %s: the quote is never closed");
}

static int read_cell(struct csv *c, struct muster_text *cell)
{
    size_t len = 0;
    if (++c->column > COLUMNS_MAX || ++c->cells > CELLS_MAX)
        return refuse(c, "cnkit.csv_size", "row %s, column %s: more than 256 columns, or more than 400000 cells");
    if (c->at < c->end && *c->at == '"') {
        if (quoted(c, &len) != MUSTER_OK)
            return MUSTER_FAILED;
    } else {
        for (; !ends_row(c) && *c->at != c->delimiter; c->at++)
            if (append(c, &len) != MUSTER_OK)
                return MUSTER_FAILED;
    }
    *cell = (struct muster_text){c->scratch, len};
    if (c->unescape)
        *cell = unescaped(*cell);
    return MUSTER_OK;
}

static int read_row(struct csv *c, bool reply)
{
    struct muster_text cell;
    c->column = 1;
    if (++c->row > ROWS_MAX)
        return refuse(c, "cnkit.csv_size", "row %s, column %s: the file has more than 20000 rows; send it in parts");
    c->column = 0;
    if (reply)
        c->host->reply_array_open(c->call);
    for (;;) {
        if (read_cell(c, &cell) != MUSTER_OK)
            return MUSTER_FAILED;
        if (reply)
            c->host->reply_text(c->call, cell);
        if (ends_row(c))
            break;
        c->at++;
    }
    if (reply)
        c->host->reply_close(c->call);
    if (c->at < c->end)
        c->at += *c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n' ? 2 : 1;
    return MUSTER_OK;
}

static int read_rows(struct csv c, bool reply)
{
    while (c.at < c.end) {
        if (read_row(&c, reply) != MUSTER_OK || (c.row % 64 == 0 && c.host->stopped(c.call)))
            return MUSTER_FAILED;
    }
    return MUSTER_OK;
}

/* -- delimiter -- */

static const char *const names[] = {"comma", "semicolon", "tab"};
static const char delimiters[] = ",;\t";

/* The most frequent one of the first row, outside quotes. */
static char guess(struct muster_text text)
{
    int counts[3] = {0}, best = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        const char b = text.data[i];
        if (b == '"')
            inside = !inside;
        if (inside)
            continue;
        if (b == '\n' || b == '\r')
            break;
        for (int k = 0; k < 3; k++)
            counts[k] += b == delimiters[k];
    }
    for (int k = 1; k < 3; k++)
        best = counts[k] > counts[best] ? k : best;
    return delimiters[best];
}

static int find_delimiter(struct csv *c, struct muster_text text, struct muster_text said)
{
    for (int k = 0; k < 3; k++)
        if (strcmp(said.data, names[k]) == 0)
            c->delimiter = delimiters[k];
    if (text.len > 5 && memcmp(text.data, "sep=", 4) == 0 && strchr(delimiters, text.data[4]) &&
        (text.data[5] == '\r' || text.data[5] == '\n')) {
        if (!c->delimiter)
            c->delimiter = text.data[4];
        c->at += 6 + (text.data[5] == '\r' && text.len > 6 && text.data[6] == '\n');
    }
    if (!c->delimiter)
        c->delimiter = guess(text);
    return (int)(strchr(delimiters, c->delimiter) - delimiters);
}

CNKIT_COMMAND(csv_parse)
{
    struct cnkit_decoded file;
    if (cnkit_decode(host, call, args[0].s, args[1].s, &file) != MUSTER_OK)
        return MUSTER_FAILED;
    struct csv c = {.host = host, .call = call, .at = file.text.data, .end = file.text.data + file.text.len};
    const int delimiter = find_delimiter(&c, file.text, args[2].s);
    c.unescape = args[3].i != 0;
    c.scratch = host->alloc(call, CELL_BYTES_MAX + 1);
    if (!c.scratch || read_rows(c, false) != MUSTER_OK)
        return MUSTER_FAILED;
    host->reply_map_open(call);
    cnkit_key_text(host, call, "encoding", file.encoding);
    cnkit_key_text(host, call, "delimiter", names[delimiter]);
    host->reply_key(call, "rows");
    host->reply_array_open(call);
    if (read_rows(c, true) != MUSTER_OK)
        return MUSTER_FAILED;
    host->reply_close(call);
    host->reply_close(call);
    return MUSTER_OK;
}
