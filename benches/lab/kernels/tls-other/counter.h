/* A variable of main. Compilers for wasm refer to a thread-local variable of another
   module by nothing but a function of that module. */
#pragma once
#include "kernel.h"

#ifdef __wasm__
#define BY_CALL
#endif

extern _Thread_local u32 counter;
u32 *place(void);
