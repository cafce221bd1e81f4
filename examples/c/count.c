/* A program that opens a library of WebAssembly, calls it and is called by it.
 *
 *   cc -Iinclude examples/c/count.c -lwasmaot -o count
 *   ./count examples/c/libcount.wat
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wasmaot.h"

/* Called by the library with a text in its memory. */
static int say(wasmaot_caller *caller, void *data, const wasmaot_value *args, size_t count,
               wasmaot_value *results, size_t room)
{
    int *times = data;
    uint64_t bytes;
    const char *memory = wasmaot_caller_memory(caller, &bytes);
    uint64_t at = (uint32_t)args[0].of.i32, length = (uint32_t)args[1].of.i32;

    (void)count, (void)results, (void)room;
    if (at > bytes || length > bytes - at)
        return wasmaot_fail(caller, "a text outside of memory");
    if (++*times > 2)
        return wasmaot_fail(caller, "it says too much");
    printf("the library says: %.*s\n", (int)length, memory + at);
    return 0;
}

static void finalise(void *data)
{
    printf("said %d times\n", *(int *)data);
}

static int show(void *data, const char *name, const char *kind, const char *type)
{
    (void)data;
    printf("export %s: %s%s%s\n", name, kind, *type ? " " : "", type);
    return 0;
}

/* The first line of an error; a trap has one more for each frame. */
static void tell(const char *what)
{
    const char *error = wasmaot_error();

    printf("%s: %.*s\n", what, (int)strcspn(error, "\n"), error);
}

static int failed(const char *what)
{
    const char *error = wasmaot_error();

    fprintf(stderr, "%s: %s\n", what, error ? error : "no error");
    return 1;
}

int main(int argc, char **argv)
{
    static int times;
    wasmaot_options options;
    wasmaot_process *process;
    wasmaot_library *library;
    wasmaot_function *add, *count, *divide;
    wasmaot_value args[2], result;
    uint64_t address;
    char name[8] = "";

    if (argc != 2)
        return fprintf(stderr, "usage: %s libcount.wat\n", argv[0]), 2;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.max_memory = 16 << 20;
    process = wasmaot_process_new(&options);
    if (!process)
        return failed("process");
    if (wasmaot_define(process, "host", "say", "ii>", say, &times, finalise) != 0)
        return failed("define");
    library = wasmaot_open(process, argv[1], WASMAOT_NOW);
    if (!library)
        return failed("open");
    wasmaot_exports(process, library, show, NULL);

    add = wasmaot_sym(process, library, "add");
    count = wasmaot_sym(process, library, "count");
    divide = wasmaot_sym(process, library, "divide");
    if (!add || !count || !divide)
        return failed("sym");
    args[0] = wasmaot_i32(2);
    args[1] = wasmaot_i32(3);
    if (wasmaot_call(process, add, args, 2, &result, 1) != 0)
        return failed("add");
    printf("2 + 3 = %" PRId32 "\n", result.of.i32);

    /* Data of the library lie in its memory. */
    if (wasmaot_sym_data(process, library, "name", &address) != 0
        || wasmaot_read(process, library, address, name, 7) != 0)
        return failed("name");
    printf("its name is %s\n", name);

    /* The third time the host function fails, and says why. */
    while (wasmaot_call(process, count, NULL, 0, &result, 1) == 0)
        printf("counted to %" PRId32 "\n", result.of.i32);
    tell("it ended");

    /* A trap is an error. */
    args[0] = wasmaot_i64(1);
    args[1] = wasmaot_i64(0);
    if (wasmaot_call(process, divide, args, 2, &result, 1) != 0)
        tell("1 / 0");

    wasmaot_function_free(add);
    wasmaot_function_free(count);
    wasmaot_function_free(divide);
    if (wasmaot_close(process, library) != 0)
        return failed("close");
    wasmaot_process_free(process);
    return 0;
}
