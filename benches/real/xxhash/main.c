#include <xxhash.h>

#include "data.h"

static u8 text[1 << 20];

int run(int n) {
    u32 sum = 0;
    write_text(text, sizeof text, 4);
    for (int i = 0; i < n; i++) {
        u64 hash = XXH64(text, sizeof text - (size_t)(i % 32), (u64)i);
        sum = mix(mix(sum, (u32)hash), (u32)(hash >> 32));
        sum = mix(sum, XXH32(text, sizeof text / 4, (u32)i));
    }
    return (int)sum;
}
