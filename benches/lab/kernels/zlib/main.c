/* Text in blocks of 64 KB, deflated and inflated again. */
#include "flate.h"
#include "../text.h"

static u8 text[1 << 16], packed[1 << 16], unpacked[1 << 16];

int run(int n) {
    u32 sum = 0;
    for (int i = 0; i < n; i++) {
        if (i % 8 == 0)
            write_text(text, sizeof text, 31 + (u32)i);
        text[(u32)i * 7919 % sizeof text] = '#';
        u32 length = deflate(text, sizeof text, packed, sizeof packed);
        if (inflate(packed, length, unpacked, sizeof unpacked) != sizeof text)
            return -1;
        u32 check = adler(text, sizeof text);
        if (check != adler(unpacked, sizeof unpacked))
            return -2;
        sum = mix(mix(sum, length), check);
    }
    return (int)sum;
}
