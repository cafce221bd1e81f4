/* A call of a function with a variable on the stack of linear memory. */
#include "kernel.h"

u32 frame(u32 x);

int run(int n) {
    u32 x = 1;
    for (u32 i = 0; i < (u32)n; i++)
        x += frame(x ^ i);
    return (int)x;
}
