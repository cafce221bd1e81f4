/* Calls of a function that adds to a variable of its own module. */
#include "kernel.h"

void step(u32 by);
u32 counted(void);

int run(int n) {
    for (u32 i = 0; i < (u32)n; i++)
        step(i);
    return (int)counted();
}
