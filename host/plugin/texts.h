/* What the host itself says, in Chinese. */
#ifndef MUSTER_PLUGIN_TEXTS_H
#define MUSTER_PLUGIN_TEXTS_H

#include "base/err.h"

/* The Chinese for one of the host's English formats, or NULL. */
const char *texts_chinese(const char *english);
/* Put err->text, when it was made from one of the host's formats, into `lang`; other texts stay as they are. */
void texts_localise(const char *lang, struct err *err);

#endif
