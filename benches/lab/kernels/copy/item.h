#include "kernel.h"

struct item {
    u64 key;
    u32 flags[4];
    u64 value;
};

void items_put(struct item *to, const struct item *from);
void items_clear(struct item *item);
