#include "kernel.h"

struct local {
    u32 number;
    u64 square;
};

/* The variable is in memory because its address leaves the function. */
u32 frame(u32 x) {
    struct local local = {x + 1, (u64)x * x};
    struct local *escaped = &local;
    __asm__ volatile("" : "+r"(escaped)::"memory");
    return escaped->number ^ (u32)escaped->square;
}
