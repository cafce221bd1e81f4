/* Its variable is a plain one. */
#include "kernel.h"

u32 counter;

void step(u32 by) { counter += by; }

u32 counted(void) {
    u32 sum = counter;
    counter = 0;
    return sum;
}
