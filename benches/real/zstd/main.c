#include <zstd.h>

#include "data.h"

static u8 text[1 << 20], packed[ZSTD_COMPRESSBOUND(1 << 20)], unpacked[1 << 20];

int run(int n) {
    u32 sum = 0;
    write_text(text, sizeof text, 2);
    for (int i = 0; i < n; i++) {
        text[i % sizeof text] ^= 1;
        size_t length = ZSTD_compress(packed, sizeof packed, text, sizeof text, 3);
        if (ZSTD_isError(length) || ZSTD_decompress(unpacked, sizeof unpacked, packed, length) != sizeof text)
            return -1;
        sum = mix_bytes(mix_bytes(mix(sum, (u32)length), packed, 1000), unpacked, 1000);
    }
    return (int)sum;
}
