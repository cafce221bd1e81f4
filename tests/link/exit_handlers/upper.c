#include <stdio.h>
#include <stdlib.h>

void lower(void);
static void handler(void) { puts("upper's constructor's"); }
static void later(void) { puts("upper's function's"); }

__attribute__((constructor)) static void start(void) { atexit(handler); }

void upper(void) { atexit(later); lower(); }
