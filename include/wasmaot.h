/* wasmaot: WebAssembly modules as dynamic libraries of a C program.
 *
 *   wasmaot_process *process = wasmaot_process_new(NULL);
 *   wasmaot_library *library = wasmaot_open(process, "libgreet.wasm", WASMAOT_NOW);
 *   wasmaot_function *add = wasmaot_sym(process, library, "add");
 *   wasmaot_value args[2] = { wasmaot_i32(2), wasmaot_i32(3) }, sum;
 *   if (wasmaot_call(process, add, args, 2, &sum, 1) != 0)
 *       fprintf(stderr, "%s\n", wasmaot_error());
 *
 * The functions are those of <dlfcn.h>, with a process for what there is one
 * of in a C program.
 *
 * Errors. A function that fails returns NULL or -1, and wasmaot_error() says
 * why. A null pointer where none is allowed is such an error, and so is a
 * library or a function of another process. No function ends the program,
 * whatever the module does.
 *
 * Ownership. What ..._new, wasmaot_open and wasmaot_sym return is the caller's:
 * each has one function that gives it back, which takes NULL too and does
 * nothing then. Libraries and functions may be given back after their process;
 * they are of no use then. Strings and arrays that are passed in are copied,
 * or used during the call alone.
 *
 * Threads. A process, with its libraries and functions, is used by one thread
 * at a time, and may be handed from one to another. Different processes are
 * independent. wasmaot_interrupter_* alone may be called while another thread
 * is in a call. wasmaot_error() is each thread's own. Modules start threads of
 * their own only if wasmaot_options.max_threads allows it: callbacks are then
 * called on all of these, several at a time, with the same data.
 *
 * Signals. While wasm code runs, SIGSEGV, SIGBUS, SIGILL and SIGFPE that it
 * causes are taken for traps; others go to the handlers that were installed
 * before the first process was made.
 */
#ifndef WASMAOT_H
#define WASMAOT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A process: linked objects, their memories, one stack. */
typedef struct wasmaot_process wasmaot_process;
/* An open library, as a handle of dlopen. */
typedef struct wasmaot_library wasmaot_library;
/* A function, found by its name once. */
typedef struct wasmaot_function wasmaot_function;
/* Stops a process from another thread. */
typedef struct wasmaot_interrupter wasmaot_interrupter;
/* The process, as a host function sees it. */
typedef struct wasmaot_caller wasmaot_caller;

/* Why the last function that failed on this thread did: one line and, for a
 * trap, a line for each frame. NULL if none has failed since this was asked
 * last. The text stays until the next call of any function on this thread. */
const char *wasmaot_error(void);

/* ---- values ---- */

enum wasmaot_type {
    WASMAOT_I32 = 0,
    WASMAOT_I64 = 1,
    WASMAOT_F32 = 2,
    WASMAOT_F64 = 3,
    WASMAOT_V128 = 4
};

typedef struct wasmaot_value {
    /* One of enum wasmaot_type. */
    uint32_t type;
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
        /* Little-endian, lane 0 first. */
        uint8_t v128[16];
    } of;
} wasmaot_value;

static inline wasmaot_value wasmaot_i32(int32_t value)
{
    wasmaot_value made;
    made.type = WASMAOT_I32;
    made.of.i32 = value;
    return made;
}

static inline wasmaot_value wasmaot_i64(int64_t value)
{
    wasmaot_value made;
    made.type = WASMAOT_I64;
    made.of.i64 = value;
    return made;
}

static inline wasmaot_value wasmaot_f32(float value)
{
    wasmaot_value made;
    made.type = WASMAOT_F32;
    made.of.f32 = value;
    return made;
}

static inline wasmaot_value wasmaot_f64(double value)
{
    wasmaot_value made;
    made.type = WASMAOT_F64;
    made.of.f64 = value;
    return made;
}

/* ---- processes ---- */

typedef struct wasmaot_options {
    /* sizeof(wasmaot_options), so that fields can be added. */
    size_t size;
    /* Directories to search for needed and opened libraries, in order; an
     * array of library_paths strings. */
    const char *const *library_path;
    size_t library_paths;
    /* Bytes for memories, tables and libraries together; 0: 8 GiB. */
    uint64_t max_memory;
    /* Longest table; 0: 10,000,000 entries. */
    uint64_t max_table;
    /* Bytes of the native stack; 0: 8 MiB. */
    uint64_t stack_size;
    /* What the modules get of WASI: 0: nothing, its functions do not exist;
     * 1: no file and no variable; 2: the three standard streams too. */
    uint32_t wasi;
    /* Threads that the modules may have at a time, the caller's among them.
     * 0 and 1: they can start none. More: every callback, and its data, must be
     * fit for several threads at a time. */
    uint32_t max_threads;
} wasmaot_options;

/* Makes a process. NULL for options is the defaults. */
wasmaot_process *wasmaot_process_new(const wasmaot_options *options);

/* Gives all back that belongs to a process. No finaliser of a library runs;
 * the finalisers of host functions' data do. From within a call nothing is
 * given back, and wasmaot_error() says so. */
void wasmaot_process_free(wasmaot_process *process);

/* ---- libraries ---- */

/* Modes of wasmaot_open: one of the first two, others added. */
#define WASMAOT_LAZY 1
#define WASMAOT_NOW 2
#define WASMAOT_GLOBAL 0x100
#define WASMAOT_NODELETE 0x1000

/* Opens a module, .wasm or .wat: compiles it, loads it with all that it needs,
 * runs its constructors. One without a section for dynamic linking is
 * instantiated by the WebAssembly specification and stays until the process is
 * freed. Built objects, which are native code, are refused. */
wasmaot_library *wasmaot_open(wasmaot_process *process, const char *file, int mode);

/* The same for a module in memory, as if it lay in a file of that name. */
wasmaot_library *wasmaot_open_bytes(wasmaot_process *process, const char *name,
                                    const void *module, size_t bytes, int mode);

/* Opens a built object (wasmaot build) as native code: whoever can write to the
 * file can do what the program can. */
wasmaot_library *wasmaot_open_native(wasmaot_process *process, const char *file, int mode);

/* Closes a library, once. Finalisers run with its last handle. The handle is
 * gone in any case. 0, or -1: a finaliser trapped. */
int wasmaot_close(wasmaot_process *process, wasmaot_library *library);

/* An exported function of a library. */
wasmaot_function *wasmaot_sym(wasmaot_process *process, const wasmaot_library *library,
                              const char *name);

/* The linear address of data that a library exports, into *address. */
int wasmaot_sym_data(wasmaot_process *process, const wasmaot_library *library,
                     const char *name, uint64_t *address);

void wasmaot_function_free(wasmaot_function *function);

/* Calls a function of so many parameters and results. 0; or -1: the numbers or
 * types differ, it trapped, it ended the program, its library is closed. */
int wasmaot_call(wasmaot_process *process, const wasmaot_function *function,
                 const wasmaot_value *args, size_t count,
                 wasmaot_value *results, size_t room);

/* One export after another is given to visit, until it returns another value
 * than 0, which is returned then. kind is "function", "global", "memory",
 * "table", "tag" or "data"; type is its text: "(i32, i32) -> (i32)". */
int wasmaot_exports(wasmaot_process *process, const wasmaot_library *library,
                    int (*visit)(void *data, const char *name, const char *kind, const char *type),
                    void *data);

/* ---- memory ---- */

/* Bytes of a library's linear memory, now. */
int wasmaot_memory_size(wasmaot_process *process, const wasmaot_library *library, uint64_t *bytes);
/* Copies bytes out of it, or into it: all of them, or none and -1. */
int wasmaot_read(wasmaot_process *process, const wasmaot_library *library,
                 uint64_t address, void *to, size_t bytes);
int wasmaot_write(wasmaot_process *process, const wasmaot_library *library,
                  uint64_t address, const void *from, size_t bytes);

/* ---- host functions ---- */

/* A host function: reads its arguments, writes results, whose types are set. 0;
 * any other value ends the call that led here with an error, whose text is
 * what wasmaot_fail was given. It must return: no longjmp, no C++ exception. */
typedef int (*wasmaot_callback)(wasmaot_caller *caller, void *data,
                                const wasmaot_value *args, size_t count,
                                wasmaot_value *results, size_t room);

/* Defines a host function for what is opened from then on: import module, name,
 * types as letters, parameters first: "iI>f" takes i32 and i64 and returns an
 * f32 (i: i32, I: i64, f: f32, F: f64, V: v128). data is handed to callback,
 * and to finalise, unless that is NULL, when the process is freed; on the
 * thread that uses or frees the process, or on one that its modules started. */
int wasmaot_define(wasmaot_process *process, const char *module, const char *name,
                   const char *types, wasmaot_callback callback,
                   void *data, void (*finalise)(void *data));

/* The memory of the wasm function that called, within the callback alone, and
 * until the callback calls anything of wasm. NULL and 0 bytes if there is none.
 * If the memory is shared, other threads may change it at any time: what is
 * checked has to be copied first. */
void *wasmaot_caller_memory(wasmaot_caller *caller, uint64_t *bytes);
/* wasmaot_call from within a callback. */
int wasmaot_caller_call(wasmaot_caller *caller, const wasmaot_function *function,
                        const wasmaot_value *args, size_t count,
                        wasmaot_value *results, size_t room);
/* The text of the error that the callback is going to return; always -1. */
int wasmaot_fail(wasmaot_caller *caller, const char *text);

/* ---- interruption ---- */

wasmaot_interrupter *wasmaot_interrupter_new(wasmaot_process *process);
void wasmaot_interrupter_free(wasmaot_interrupter *interrupter);
/* Has the call that runs now, and every later one, end with an error; from any
 * thread, or after the process is gone. */
int wasmaot_interrupt(const wasmaot_interrupter *interrupter);
/* Lets calls run again. */
int wasmaot_resume(const wasmaot_interrupter *interrupter);

#ifdef __cplusplus
}
#endif

#endif
