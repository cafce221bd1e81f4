/* CRC-32 (IEEE 802.3), a byte a step. */
#include "kernel.h"

static u32 table[256];

void crc_begin(void) {
    for (u32 i = 0; i < 256; i++) {
        u32 x = i;
        for (u32 bit = 0; bit < 8; bit++)
            x = x & 1 ? x >> 1 ^ 0xedb88320u : x >> 1;
        table[i] = x;
    }
}

u32 crc(u32 sum, const u8 *data, u32 length) {
    sum = ~sum;
    while (length--)
        sum = sum >> 8 ^ table[(sum ^ *data++) & 0xff];
    return ~sum;
}
