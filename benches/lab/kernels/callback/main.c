/* A library calls a function that it was given. */
#include "kernel.h"

u32 repeat(u32 (*step)(u32, u32), u32 x, u32 n);

static u32 step(u32 x, u32 i) { return (x ^ i) + 1; }

int run(int n) { return (int)repeat(step, 1, (u32)n); }
