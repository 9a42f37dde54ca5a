/* What access, work and the host's commands refuse with, in Chinese. */
#ifndef MUSTER_WORK_WORDS_H
#define MUSTER_WORK_WORDS_H

#include "base/err.h"

/* Put err->text into `lang` when it is one of the host's own sentences; a plugin's stay as they are. */
void words_localise(const char *lang, struct err *err);

#endif
