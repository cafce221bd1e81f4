/* Everything that can be done wrong and that the header promises an error for. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wasmaot.h"

#define SAYS(failed, part) says(__LINE__, (failed) != 0, part)

static void says(int line, int has_failed, const char *part)
{
    const char *error = wasmaot_error();

    if (!has_failed || !error || !strstr(error, part)) {
        fprintf(stderr, "line %d: %s, not \"%s\"\n", line, error ? error : "no error", part);
        exit(1);
    }
    if (wasmaot_error()) {
        fprintf(stderr, "line %d: an error is told once\n", line);
        exit(1);
    }
}

static wasmaot_process *process;
static wasmaot_function *add;

/* Tries to use the process that it is called in. */
static int say(wasmaot_caller *caller, void *data, const wasmaot_value *args, size_t count,
               wasmaot_value *results, size_t room)
{
    wasmaot_value two[2], sum;

    (void)data, (void)args, (void)count, (void)results, (void)room;
    two[0] = wasmaot_i32(20);
    two[1] = wasmaot_i32(3);
    SAYS(wasmaot_call(process, add, two, 2, &sum, 1), "in use");
    wasmaot_process_free(process);
    SAYS(1, "in use");
    if (wasmaot_caller_call(caller, add, two, 2, &sum, 1) != 0 || sum.of.i32 != 23)
        return wasmaot_fail(caller, "no call from here");
    SAYS(wasmaot_caller_call(caller, add, two, 1, &sum, 1), "takes (i32, i32)");
    return 0;
}

static void *interrupt(void *interrupter)
{
    struct timespec pause = { 0, 20000000 };

    nanosleep(&pause, NULL);
    wasmaot_interrupt(interrupter);
    return NULL;
}

int main(int argc, char **argv)
{
    static const char empty[] = "(module)";
    wasmaot_options options;
    wasmaot_process *other;
    wasmaot_library *library, *plain;
    wasmaot_function *count, *for_ever;
    wasmaot_interrupter *interrupter;
    wasmaot_value two[2], sum;
    uint64_t size;
    char bytes[4];
    pthread_t thread;

    if (argc != 2)
        return 2;
    memset(&options, 0, sizeof options);
    SAYS(!wasmaot_process_new(&options), "sizeof");
    options.size = sizeof options;
    options.wasi = 9;
    SAYS(!wasmaot_process_new(&options), "options.wasi");
    options.wasi = 1;
    options.library_paths = 1;
    SAYS(!wasmaot_process_new(&options), "options.library_path is a null pointer");
    process = wasmaot_process_new(NULL);
    other = wasmaot_process_new(NULL);

    SAYS(!wasmaot_open(NULL, argv[1], WASMAOT_NOW), "process is a null pointer");
    SAYS(!wasmaot_open(process, NULL, WASMAOT_NOW), "file is a null pointer");
    SAYS(!wasmaot_open(process, "nowhere.wasm", WASMAOT_NOW), "nowhere.wasm");
    SAYS(!wasmaot_open(process, argv[1], 0), "is no mode");
    SAYS(!wasmaot_open(process, argv[1], -1), "is no mode");
    SAYS(!wasmaot_open(process, argv[1], WASMAOT_NOW), "undefined function `host.say`");
    SAYS(!wasmaot_open(process, argv[0], WASMAOT_NOW), "no native code is taken");
    SAYS(wasmaot_define(process, "host", "say", "ii", say, NULL, NULL), "letters");
    SAYS(wasmaot_define(process, "host", "say", "ix>", say, NULL, NULL), "`x`");
    SAYS(wasmaot_define(process, "host", "say", "ii>", NULL, NULL, NULL), "callback is a null pointer");
    if (wasmaot_define(process, "host", "say", "ii>", say, NULL, NULL) != 0)
        return 1;
    library = wasmaot_open(process, argv[1], WASMAOT_LAZY);
    SAYS(!wasmaot_sym(process, library, "nothing"), "no exported function `nothing`");
    SAYS(!wasmaot_sym(process, NULL, "add"), "library is a null pointer");
    SAYS(!wasmaot_sym(other, library, "add"), "of another process");
    add = wasmaot_sym(process, library, "add");
    count = wasmaot_sym(process, library, "count");
    for_ever = wasmaot_sym(process, library, "for_ever");
    two[0] = wasmaot_i32(1);
    two[1] = wasmaot_i32(2);
    SAYS(wasmaot_call(process, NULL, two, 2, &sum, 1), "function is a null pointer");
    SAYS(wasmaot_call(process, add, NULL, 2, &sum, 1), "args is a null pointer");
    SAYS(wasmaot_call(process, add, two, 2, NULL, 1), "results is a null pointer");
    SAYS(wasmaot_call(process, add, two, 2, NULL, 0), "room for 0");
    SAYS(wasmaot_call(process, add, two, 1, &sum, 1), "given (i32)");
    SAYS(wasmaot_call(other, add, two, 2, &sum, 1), "of another process");
    two[1] = wasmaot_f64(2);
    SAYS(wasmaot_call(process, add, two, 2, &sum, 1), "given (i32, f64)");
    two[1].type = 77;
    SAYS(wasmaot_call(process, add, two, 2, &sum, 1), "77 is no type");
    if (wasmaot_call(process, count, NULL, 0, &sum, 1) != 0 || sum.of.i32 != 1)
        return fprintf(stderr, "count: %s\n", wasmaot_error()), 1;

    if (wasmaot_memory_size(process, library, &size) != 0)
        return 1;
    SAYS(wasmaot_read(process, library, size - 3, bytes, 4), "outside of the linear memory");
    SAYS(wasmaot_write(process, library, UINT64_MAX, bytes, 4), "outside of the linear memory");
    SAYS(wasmaot_read(process, library, 0, NULL, 4), "to is a null pointer");
    SAYS(wasmaot_sym_data(process, library, "add", &size), "is a function");
    SAYS(wasmaot_exports(process, library, NULL, NULL), "visit is a null pointer");

    interrupter = wasmaot_interrupter_new(process);
    if (pthread_create(&thread, NULL, interrupt, interrupter) != 0)
        return 1;
    SAYS(wasmaot_call(process, for_ever, NULL, 0, NULL, 0), "interrupted");
    pthread_join(thread, NULL);
    SAYS(wasmaot_call(process, count, NULL, 0, &sum, 1), "interrupted");
    if (wasmaot_resume(interrupter) != 0)
        return 1;

    plain = wasmaot_open_bytes(process, "plain", empty, sizeof empty - 1, WASMAOT_NOW);
    if (!plain || wasmaot_close(process, plain) != 0)
        return fprintf(stderr, "plain: %s\n", wasmaot_error()), 1;
    if (wasmaot_close(process, library) != 0)
        return fprintf(stderr, "close: %s\n", wasmaot_error()), 1;
    SAYS(wasmaot_call(process, count, NULL, 0, &sum, 1), "unloaded");

    wasmaot_close(process, NULL);
    wasmaot_function_free(NULL);
    wasmaot_process_free(NULL);
    wasmaot_interrupter_free(NULL);
    wasmaot_process_free(process);
    wasmaot_process_free(other);
    wasmaot_function_free(add);
    wasmaot_function_free(count);
    wasmaot_function_free(for_ever);
    /* It may outlive its process. */
    if (wasmaot_interrupt(interrupter) != 0)
        return 1;
    wasmaot_interrupter_free(interrupter);
    puts("done");
    return 0;
}
