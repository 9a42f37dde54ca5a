#include "cnkit.h"

/* What the plugin offers: one row for each command. */

static const struct muster_command commands[] = {
    {.name = "cnkit.name.norm",
     .flags = MUSTER_PURE,
     .args = "name:text(200)",
     .returns = "text",
     .summary_en = "Put a name into the one form in which names are stored and compared.",
     .summary_zh = "把姓名规范成统一的存储形式",
     .doc =
         "NFC; the dot of names such as 古丽米热·艾比布力 becomes U+00B7; full-width digits and letters become ASCII; "
         "blanks are trimmed, and dropped where every character stands alone.",
     .run = cnkit_name_norm},
};

MUSTER_PLUGIN("cnkit", "1.0.0", commands);
