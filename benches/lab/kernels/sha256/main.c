/* Messages of 16 to 2000 bytes, each added in pieces. */
#include "sha256.h"

static u8 message[2048];

int run(int n) {
    u32 state = 7, sum = 0;
    for (u32 i = 0; i < sizeof message; i++)
        message[i] = (u8)next(&state);
    for (int i = 0; i < n; i++) {
        struct sha256 hash;
        u8 digest[32];
        u32 length = 16 + next(&state) % 1985;
        sha256_begin(&hash);
        for (u32 at = 0; at < length;) {
            u32 piece = 1 + next(&state) % 300;
            if (piece > length - at)
                piece = length - at;
            sha256_add(&hash, message + at, piece);
            at += piece;
        }
        sha256_end(&hash, digest);
        for (u32 j = 0; j < 32; j++)
            message[(u32)i * 32 % sizeof message + j] = digest[j];
        sum = mix(sum, (u32)digest[0] << 8 | digest[31]);
    }
    return (int)sum;
}
