#include "cnkit.h"

struct muster_text cnkit_text(const char *text)
{
    return (struct muster_text){text, strlen(text)};
}

void cnkit_key_text(const struct muster_host *host, struct muster_call *call, const char *key, const char *text)
{
    host->reply_key(call, key);
    if (text)
        host->reply_text(call, cnkit_text(text));
    else
        host->reply_null(call);
}

void cnkit_reply_reason(const struct muster_host *host, struct muster_call *call, const struct cnkit_reason *reason)
{
    cnkit_key_text(host, call, "reason", reason->word);
    cnkit_key_text(host, call, "en", reason->en);
    cnkit_key_text(host, call, "zh", reason->zh);
}

bool cnkit_is_empty(const json_t *list)
{
    return json_is_array(list) && json_array_size(list) == 0;
}
