#include <brotli/decode.h>
#include <brotli/encode.h>

#include "data.h"

static u8 text[128 << 10], packed[160 << 10], unpacked[128 << 10];

int run(int n) {
    u32 sum = 0;
    write_text(text, sizeof text, 5);
    for (int i = 0; i < n; i++) {
        size_t length = sizeof packed, out = sizeof unpacked;
        text[i % sizeof text] ^= 1;
        if (!BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, sizeof text, text, &length, packed))
            return -1;
        if (BrotliDecoderDecompress(length, packed, &out, unpacked) != BROTLI_DECODER_RESULT_SUCCESS)
            return -2;
        sum = mix_bytes(mix(mix(sum, (u32)length), (u32)out), unpacked, 1000);
    }
    return (int)sum;
}
