/* Eight variables of a library, each read and written in a loop. */
#include "kernel.h"

extern u32 count, sum, low, high, even, odd, last, bits;
void reset(void);
u32 total(void);

int run(int n) {
    reset();
    for (u32 i = 0; i < (u32)n; i++) {
        count += 1;
        sum += i;
        low += i & 0xff;
        high += i >> 8;
        even ^= i << 1;
        odd += i | 1;
        last -= i;
        bits |= i;
        BARRIER();
    }
    return (int)total();
}
