/* Copies and fills of 32 bytes. */
#include "item.h"

static struct item items[64];

int run(int n) {
    for (u32 i = 0; i < LENGTH(items); i++)
        items[i] = (struct item){i, {i, i + 1, i + 2, i + 3}, (u64)i * i};
    u32 state = 1;
    for (int i = 0; i < n; i++) {
        u32 at = next(&state) % LENGTH(items);
        struct item *item = &items[at], *other = &items[(u32)i % LENGTH(items)];
        struct item saved;
        items_put(&saved, item);
        saved.key += saved.flags[i & 3];
        items_clear(item);
        item->value = saved.key;
        items_put(other, &saved);
    }
    u32 sum = 0;
    for (u32 i = 0; i < LENGTH(items); i++)
        sum = mix(sum, (u32)(items[i].key + items[i].value) + items[i].flags[1]);
    return (int)sum;
}
