#include <stdio.h>
#include <stdlib.h>

static void handler(void) { puts("lower's constructor's"); }
static void later(void) { puts("lower's function's"); }

__attribute__((constructor)) static void start(void) { atexit(handler); }

void lower(void) { atexit(later); }
