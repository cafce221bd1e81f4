#include "kernel.h"

u32 repeat(u32 (*step)(u32, u32), u32 x, u32 n) {
    for (u32 i = 0; i < n; i++)
        x = step(x, i);
    return x;
}
