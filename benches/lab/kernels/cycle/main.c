/* Modules that import functions of each other. */
#include "kernel.h"

u32 ask(u32 x);

u32 answer(u32 x) { return x + (x >> 3); }

int run(int n) {
    u32 x = 1;
    for (int i = 0; i < n; i++)
        x = ask(x);
    return (int)x;
}
