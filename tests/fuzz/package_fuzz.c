/* Packages: whatever bytes come, reading them ends; a refusal has a rule and a text that a terminal may show; what is taken is what
 * it says, and the same when it is read again. Bytes that are no gzip are packed first, so that the archive inside is reached. */

#include "base/utf8.h"
#include "plugin/package.h"
#include "plugin/version.h"

#include <stdlib.h>
#include <string.h>

#define MUST(claim) ((claim) ? (void)0 : abort())

/* gzip's form with the bytes as they are: stored blocks. The sum at the end is wrong, as a damaged file's would be. */
static void stored(const uint8_t *data, size_t size, struct buf *out)
{
    buf_append(out, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
    for (size_t at = 0; at < size || at == 0;) {
        const size_t n = size - at < 65535 ? size - at : 65535;
        const unsigned char head[5] = {at + n == size, (unsigned char)n, (unsigned char)(n >> 8), (unsigned char)~n,
                                       (unsigned char)(~n >> 8)};
        buf_append(out, head, sizeof(head));
        buf_append(out, data + at, n);
        at += n ? n : 1;
    }
    buf_append(out, "\0\0\0\0\0\0\0\0", 8);
}

static void try(struct slice package)
{
    struct package_info info = {0}, again = {0};
    struct err err = {0};
    const int rv = package_check(package, NULL, false, &info, &err);
    if (rv != 0) {
        MUST(strncmp(err.rule, "package.", 8) == 0 && err.text[0]);
        MUST(utf8_valid(slice_of(err.text)));
        for (const char *c = err.text; *c; c++)
            MUST((unsigned char)*c >= ' ' && *c != 0x7f);
    } else {
        struct version version;
        MUST(version_parse(slice_of(info.version), &version, &err) == 0);
        MUST(info.name[0] && strlen(info.hash) == 64 && info.files > 0 && info.sums.len > 66);
        MUST(info.unpacked <= PACKAGE_UNPACKED_MAX && info.files <= PACKAGE_FILES_MAX);
        MUST(package_check(package, NULL, false, &again, &err) == 0 && strcmp(info.hash, again.hash) == 0);
    }
    package_info_close(&info);
    package_info_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf packed = {0};
    try((struct slice){(const char *)data, size});
    stored(data, size, &packed);
    try(buf_view(&packed));
    buf_close(&packed);
    return 0;
}
