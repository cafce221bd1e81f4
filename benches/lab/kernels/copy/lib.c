#include "item.h"

void items_put(struct item *to, const struct item *from) { *to = *from; }

void items_clear(struct item *item) { __builtin_memset(item, 0, sizeof *item); }
