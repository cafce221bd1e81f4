/* Text that compresses as prose does: words of a small vocabulary. */
#include "kernel.h"

static void write_text(u8 *text, u32 length, u32 state) {
    static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz";
    u32 at = 0;
    while (at < length) {
        /* Words with small numbers are frequent. */
        u32 number = next(&state) % (1 + next(&state) % 2000), word = number * 2654435761u + 1;
        for (u32 i = 2 + number % 7; i && at < length; i--, word = word * 1103515245u + 12345)
            text[at++] = (u8)letters[(word >> 16) % 26 * ((word >> 8) % 26) / 26];
        if (at < length)
            text[at++] = next(&state) % 12 ? ' ' : '\n';
    }
}
