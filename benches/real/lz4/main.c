#include <lz4.h>

#include "data.h"

static char text[1 << 20], packed[LZ4_COMPRESSBOUND(1 << 20)], unpacked[1 << 20];

int run(int n) {
    u32 sum = 0;
    write_text((u8 *)text, sizeof text, 3);
    for (int i = 0; i < n; i++) {
        text[i % sizeof text] ^= 1;
        int length = LZ4_compress_default(text, packed, sizeof text, sizeof packed);
        /* What is packed depends on the size of a pointer. */
        if (length <= 0 || LZ4_decompress_safe(packed, unpacked, length, sizeof unpacked) != sizeof text)
            return -1;
        sum = mix_bytes(sum, unpacked + i % 1000, 1000);
    }
    return (int)sum;
}
