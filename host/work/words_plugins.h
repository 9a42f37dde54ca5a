/* What packages, installation and migrations refuse with, in Chinese. */
#ifndef MUSTER_WORK_WORDS_PLUGINS_H
#define MUSTER_WORK_WORDS_PLUGINS_H

#include "plugin/texts.h"

#include <stddef.h>

extern const struct text words_plugins[];
extern const size_t words_plugins_count;

#endif
