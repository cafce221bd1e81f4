/* A call of a tiny function. */
#include "kernel.h"

int add(int a, int b);

int run(int n) {
    int x = 0;
    for (int i = 0; i < n; i++)
        x = add(x, i);
    return x;
}
