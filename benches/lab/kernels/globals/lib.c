#include "kernel.h"

u32 count, sum, low, high, even, odd, last, bits;

void reset(void) { count = sum = low = high = even = odd = last = bits = 0; }

u32 total(void) { return count ^ sum ^ low ^ high ^ even ^ odd ^ last ^ bits; }
