#include <setjmp.h>
#include <stdio.h>

/* In libjump.so. */
void jump(jmp_buf *to, int value);
int guarded(int (*call)(int), int value);
