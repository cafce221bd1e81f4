/* 512 functions of a library, each called once in a unit of work. */
#include "names.h"

#define DECLARE(n) u32 f##n(u32 x);
ALL(DECLARE)

int run(int n) {
    u32 x = 1;
    for (u32 i = 0; i < (u32)n; i++) {
#define CALL(n) x = f##n(x + i);
        ALL(CALL)
    }
    return (int)x;
}
