/* Calls of a function that adds to a variable of another module. */
#include "counter.h"

_Thread_local u32 counter;

void step(u32 by);

u32 *place(void) { return &counter; }

int run(int n) {
    counter = 0;
    for (u32 i = 0; i < (u32)n; i++)
        step(i);
    return (int)counter;
}
