/* Threads without a C library: what the programs of this directory share. A
   program includes it once; a library includes it for the declarations alone. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
#define HIDDEN __attribute__((visibility("hidden"), unused))

WASI(proc_exit) _Noreturn void proc_exit(u32);
WASI(fd_write) u32 fd_write(u32, const void *, u32, u32 *);
WASI(fd_read) u32 fd_read(u32, const void *, u32, u32 *);
WASI(sched_yield) u32 yield(void);
__attribute__((import_module("wasi"), import_name("thread-spawn"))) int thread_spawn(void *);

/* Atomic accesses, all of them sequentially consistent: wasm has no others. */
#define load(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define store(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)
#define add(at, value) __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST)

#define FOREVER (-1LL)
#define MILLISECOND 1000000LL
/* 0: woken, 1: it was not `expected`, 2: the time is over. */
#define wait(at, expected, ns) __builtin_wasm_memory_atomic_wait32((int *)(at), expected, ns)
#define notify(at, count) __builtin_wasm_memory_atomic_notify((int *)(at), count)

struct thread {
	void *stack;   /* at 0: its start function takes it from there */
	int (*run)(void *);
	void *argument;
	int result;
	int tid;
	int runs;      /* at 20: 1 until its stack is not in use any more */
};

#define STACK 16384
typedef struct { _Alignas(16) u8 bytes[STACK]; } stack;

#ifndef LIBRARY

static void write_all(const char *text, u32 length)
{
	struct { const char *at; u32 length; } vector = {text, length};
	u32 written;
	if (fd_write(1, &vector, 1, &written) || written != length)
		proc_exit(99);
}

/* %u %d %s and %l, which is a u64. One write, so lines of threads do not mix. */
HIDDEN void print(const char *format, ...)
{
	char line[512];
	u32 used = 0;
	va_list arguments;
	va_start(arguments, format);
	for (; *format && used < sizeof line - 32; format++) {
		if (*format != '%') {
			line[used++] = *format;
			continue;
		}
		char kind = *++format;
		if (kind == 's') {
			const char *text = va_arg(arguments, const char *);
			while (*text && used < sizeof line - 32)
				line[used++] = *text++;
			continue;
		}
		u64 value = kind == 'l' ? va_arg(arguments, u64) : va_arg(arguments, u32);
		if (kind == 'd' && (int)value < 0) {
			line[used++] = '-';
			value = -(u32)value;
		}
		char digits[24];
		u32 count = 0;
		do
			digits[count++] = '0' + value % 10;
		while (value /= 10);
		while (count)
			line[used++] = digits[--count];
	}
	va_end(arguments);
	write_all(line, used);
}

/* The next byte of standard input; 0 at its end. */
HIDDEN u8 next_byte(void)
{
	u8 byte = 0;
	struct { void *at; u32 length; } vector = {&byte, 1};
	u32 count;
	fd_read(0, &vector, 1, &count);
	return byte;
}

#define check(condition) \
	do \
		if (!(condition)) { \
			print("%s:%u: %s\n", __FILE_NAME__, (u32)__LINE__, #condition); \
			proc_exit(1); \
		} \
	while (0)

/* The start function moves to the thread's own stack, and marks its end when it is
   not in use any more. */
__asm__(
	".globaltype __stack_pointer, i32\n"
	".functype thread_body (i32, i32) -> ()\n"
	".globl wasi_thread_start\n"
	".hidden wasi_thread_start\n"
	".type wasi_thread_start,@function\n"
	".export_name wasi_thread_start, wasi_thread_start\n"
	"wasi_thread_start:\n"
	".functype wasi_thread_start (i32, i32) -> ()\n"
	"local.get 1\n"
	"i32.load 0\n"
	"global.set __stack_pointer\n"
	"local.get 0\n"
	"local.get 1\n"
	"call thread_body\n"
	"local.get 1\n"
	"i32.const 0\n"
	"i32.atomic.store 20\n"
	"local.get 1\n"
	"i32.const -1\n"
	"memory.atomic.notify 20\n"
	"drop\n"
	"end_function\n");

__attribute__((visibility("hidden"), used)) void thread_body(int tid, struct thread *thread)
{
	store(&thread->tid, tid);
	thread->result = thread->run(thread->argument);
}

HIDDEN int start_thread(struct thread *thread, void *memory, int (*run)(void *), void *argument)
{
	thread->stack = (u8 *)memory + STACK;
	thread->run = run;
	thread->argument = argument;
	store(&thread->runs, 1);
	int tid = thread_spawn(thread);
	if (tid < 0)
		store(&thread->runs, 0);
	return tid;
}

HIDDEN int join(struct thread *thread)
{
	while (load(&thread->runs))
		wait(&thread->runs, 1, FOREVER);
	return thread->result;
}

/* All of `count` threads come here before one goes on. */
struct barrier { u32 count, here, round; };

HIDDEN void meet(struct barrier *barrier)
{
	u32 round = load(&barrier->round);
	if (add(&barrier->here, 1) + 1 == barrier->count) {
		store(&barrier->here, 0);
		store(&barrier->round, round + 1);
		notify(&barrier->round, -1);
		return;
	}
	for (u32 spin = 0; spin < 200; spin++)
		if (load(&barrier->round) != round)
			return;
	while (load(&barrier->round) == round)
		wait(&barrier->round, round, FOREVER);
}

HIDDEN u32 random_number(u64 *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

int main(void);
void __wasm_call_ctors(void);
__attribute__((export_name("_start"))) void _start(void)
{
	__wasm_call_ctors();
	u32 code = main();
	if (code)
		proc_exit(code);
}

#endif
