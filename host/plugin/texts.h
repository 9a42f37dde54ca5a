/* What the host itself says, in Chinese. */
#ifndef MUSTER_PLUGIN_TEXTS_H
#define MUSTER_PLUGIN_TEXTS_H

#include "base/err.h"

/* One sentence in both languages: the same items, %s and %d only, in the same order. */
struct text {
    const char *english, *chinese;
};

/* The Chinese for one of the host's English formats, or NULL. */
const char *texts_chinese(const char *english);
/* Put err->text, when it was made from one of the host's formats, into `lang`; other texts stay as they are. True: it
 * was made from one of them. */
bool texts_localise(const char *lang, struct err *err);
/* The same with the formats of another list. */
bool texts_localise_from(const struct text *list, size_t count, const char *lang, struct err *err);

#endif
