/* Text in blocks of 64 KB, compressed and expanded again. */
#include "text.h"

u32 lz_compress(const u8 *in, u32 length, u8 *out);
u32 lz_expand(const u8 *in, u32 length, u8 *out);

static u8 text[1 << 16], packed[(1 << 16) + (1 << 10)], unpacked[1 << 16];

int run(int n) {
    u32 sum = 0;
    for (int i = 0; i < n; i++) {
        if (i % 8 == 0)
            write_text(text, sizeof text, 5 + (u32)i);
        text[(u32)i * 7919 % sizeof text] = '#';
        u32 length = lz_compress(text, sizeof text, packed);
        if (lz_expand(packed, length, unpacked) != sizeof text)
            return -1;
        for (u32 at = 0; at < sizeof text; at++)
            if (text[at] != unpacked[at])
                return -2;
        sum = mix(sum, length);
    }
    return (int)sum;
}
