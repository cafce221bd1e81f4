/* The same while another thread does so, too: each has its own. */
#include "kernel.h"

void step(u32 by);
u32 counted(void);

static u32 units, others;

static u32 count(void) {
    for (u32 i = 0; i < units; i++)
        step(i);
    return counted();
}

#ifdef __wasm__
__attribute__((import_module("wasi"), import_name("thread-spawn"))) int thread_spawn(void *);

static int ended;

/* It has no variable on the stack, which it would have to get first. */
__attribute__((export_name("wasi_thread_start"))) void wasi_thread_start(int tid, void *none) {
    (void)tid, (void)none;
    others = count();
    __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&ended, 1);
}

static int begin(void) {
    ended = 0;
    return thread_spawn(0) > 0;
}

static void end(void) {
    while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST))
        __builtin_wasm_memory_atomic_wait32(&ended, 0, -1);
}
#else
#include <pthread.h>

static pthread_t thread;

static void *start(void *none) {
    others = count();
    return none;
}

static int begin(void) { return !pthread_create(&thread, 0, start, 0); }

static void end(void) { pthread_join(thread, 0); }
#endif

int run(int n) {
    units = (u32)n;
    if (!begin())
        return 0;
    u32 own = count();
    end();
    return (int)mix(own, others);
}
