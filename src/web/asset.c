/* The files of web/. The lists are so short that a linear search will do. Any thread. */
#include "web/asset.h"

#include "base/log.h"

#include <string.h>

const struct asset *asset_find(const char *name)
{
    for (const struct asset *asset = assets; asset->name; asset++)
        if (strcmp(asset->name, name) == 0)
            return asset;
    return NULL;
}

struct span asset_template_find(struct span name)
{
    const struct asset_template *found = asset_templates;
    while (found->name && !span_is(name, found->name))
        found++;
    return found->text;
}

struct span asset_template(const char *name)
{
    struct span text = asset_template_find((struct span){name, strlen(name)});
    INVARIANT(text.at);
    return text;
}
