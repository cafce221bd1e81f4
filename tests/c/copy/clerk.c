/* Another library that uses the first one's data. */

#include "shop.h"

int clerk_count(void) { return counter += 100; }
int *clerk_counter(void) { return &counter; }
int clerk_operate(int a, int b) { return operations[2](a, b); }
