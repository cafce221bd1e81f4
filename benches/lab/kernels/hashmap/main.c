/* Words of a text counted, found and removed. */
#include "map.h"
#include "../text.h"

static u8 text[1 << 18];

/* The next word at or after `*at`; its length, 0 at the end. */
static u32 word(u32 *at) {
    while (*at < sizeof text && text[*at] <= ' ')
        ++*at;
    u32 end = *at;
    while (end < sizeof text && text[end] > ' ')
        end++;
    return end - *at;
}

int run(int n) {
    u32 sum = 0, length;
    write_text(text, sizeof text, 17);
    for (int i = 0; i < n; i++) {
        map_clear();
        for (u32 at = 0; (length = word(&at)); at += length)
            ++*map_at((const char *)text + at, length);
        sum = mix(sum, map_size());
        for (u32 at = 0; (length = word(&at)); at += length) {
            u32 *count = map_find((const char *)text + at, length - (at & 1 && length > 1));
            if (count)
                sum = mix(sum, *count);
            if (count && *count < 3)
                map_remove((const char *)text + at, length);
        }
        sum = mix(sum, map_size());
    }
    return (int)sum;
}
