/* The check-sum of a stream in packets. */
#include "kernel.h"

void crc_begin(void);
u32 crc(u32 sum, const u8 *data, u32 length);

static u8 stream[1 << 16];

int run(int n) {
    u32 state = 3, sum = 0;
    crc_begin();
    for (u32 i = 0; i < sizeof stream; i++)
        stream[i] = (u8)next(&state);
    for (int i = 0; i < n; i++)
        for (u32 at = 0; at < sizeof stream;) {
            u32 packet = 64 + next(&state) % 1400;
            if (packet > sizeof stream - at)
                packet = (u32)sizeof stream - at;
            sum = crc(sum, stream + at, packet);
            at += packet;
        }
    return (int)sum;
}
