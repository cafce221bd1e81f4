/* Threads of a module: none unless they are asked for; callbacks on them. */
#include <stdio.h>
#include <string.h>

#include "wasmaot.h"

static const char module[] =
    "(module"
    "  (import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))"
    "  (import \"host\" \"seen\" (func $seen (param i32)))"
    "  (memory (export \"memory\") 1 1 shared)"
    "  (func (export \"wasi_thread_start\") (param i32 i32)"
    "    (call $seen (local.get 1))"
    "    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))"
    "    (drop (memory.atomic.notify (i32.const 0) (i32.const -1))))"
    "  (func (export \"start\") (param i32) (result i32) (call $spawn (local.get 0)))"
    "  (func (export \"wait\") (param i32) (local $now i32)"
    "    (loop $again"
    "      (local.set $now (i32.atomic.load (i32.const 0)))"
    "      (if (i32.ne (local.get $now) (local.get 0)) (then"
    "        (drop (memory.atomic.wait32 (i32.const 0) (local.get $now) (i64.const -1)))"
    "        (br $again))))))";

static int sum;

static int seen(wasmaot_caller *caller, void *data, const wasmaot_value *args, size_t count,
                wasmaot_value *results, size_t room)
{
    (void)caller, (void)count, (void)results, (void)room;
    __sync_fetch_and_add((int *)data, args[0].of.i32);
    return 0;
}

/* Starts so many threads and waits for them: how many could not be started. */
static int run(uint32_t max_threads, int threads)
{
    wasmaot_options options;
    wasmaot_process *process;
    wasmaot_library *library;
    wasmaot_function *start, *wait;
    wasmaot_value value, number;
    int refused = 0;

    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.wasi = 1;
    options.max_threads = max_threads;
    process = wasmaot_process_new(&options);
    if (wasmaot_define(process, "host", "seen", "i>", seen, &sum, NULL) != 0)
        return -1;
    library = wasmaot_open_bytes(process, "threads.wat", module, sizeof module - 1, WASMAOT_NOW);
    start = wasmaot_sym(process, library, "start");
    wait = wasmaot_sym(process, library, "wait");
    for (int i = 1; i <= threads; i++) {
        value = wasmaot_i32(i);
        if (wasmaot_call(process, start, &value, 1, &number, 1) != 0)
            return -1;
        refused += number.of.i32 < 0;
    }
    value = wasmaot_i32(threads - refused);
    if (wasmaot_call(process, wait, &value, 1, NULL, 0) != 0)
        return -1;
    wasmaot_function_free(start);
    wasmaot_function_free(wait);
    wasmaot_close(process, library);
    wasmaot_process_free(process);
    return refused;
}

int main(void)
{
    int refused = run(0, 3);

    if (refused != 3 || __sync_fetch_and_add(&sum, 0) != 0)
        return fprintf(stderr, "%d, %s\n", refused, wasmaot_error()), 1;
    refused = run(4, 3);
    if (refused != 0 || __sync_fetch_and_add(&sum, 0) != 6)
        return fprintf(stderr, "%d, %s\n", refused, wasmaot_error()), 1;
    puts("done");
    return 0;
}
