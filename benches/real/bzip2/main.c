#include <bzlib.h>

#include "data.h"

static char text[200 << 10], packed[220 << 10], unpacked[200 << 10];

/* The library asks for it where it has no stdio. */
void bz_internal_error(int code) { (void)code; }

int run(int n) {
    u32 sum = 0;
    write_text((u8 *)text, sizeof text, 6);
    for (int i = 0; i < n; i++) {
        unsigned length = sizeof packed, out = sizeof unpacked;
        text[i % sizeof text] ^= 1;
        if (BZ2_bzBuffToBuffCompress(packed, &length, text, sizeof text, 9, 0, 0) != BZ_OK ||
            BZ2_bzBuffToBuffDecompress(unpacked, &out, packed, length, 0, 0) != BZ_OK)
            return -1;
        sum = mix_bytes(mix_bytes(mix(sum, length), packed, 1000), unpacked, 1000);
    }
    return (int)sum;
}
