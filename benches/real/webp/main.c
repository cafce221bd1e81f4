#include <webp/decode.h>
#include <webp/encode.h>

#include "data.h"

enum { WIDTH = 320, HEIGHT = 200 };

static u8 rgb[WIDTH * HEIGHT * 3], decoded[WIDTH * HEIGHT * 3];

int run(int n) {
    u32 sum = 0;
    write_picture(rgb, WIDTH, HEIGHT, 7);
    for (int i = 0; i < n; i++) {
        u8 *packed;
        rgb[i % sizeof rgb] ^= 1;
        size_t length = WebPEncodeRGB(rgb, WIDTH, HEIGHT, WIDTH * 3, 80, &packed);
        if (!length || !WebPDecodeRGBInto(packed, length, decoded, sizeof decoded, WIDTH * 3))
            return -1;
        sum = mix_bytes(mix(sum, (u32)length), decoded, sizeof decoded / 50);
        WebPFree(packed);
    }
    return (int)sum;
}
