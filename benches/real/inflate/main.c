#include <zlib.h>

#include "data.h"

static u8 text[1 << 20], packed[1 << 20], unpacked[1 << 20];

int run(int n) {
    u32 sum = 0;
    uLongf length = sizeof packed;
    write_text(text, sizeof text, 1);
    if (compress2(packed, &length, text, sizeof text, 6) != Z_OK)
        return -1;
    for (int i = 0; i < n; i++) {
        uLongf out = sizeof unpacked;
        if (uncompress(unpacked, &out, packed, length) != Z_OK)
            return -1;
        sum = mix_bytes(mix(sum, (u32)out), unpacked + i % 1000, 1000);
    }
    return (int)sum;
}
