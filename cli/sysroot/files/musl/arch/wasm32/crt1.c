/* The start of a program whose libc is musl as a shared library.

   The loader has run the constructors of every library by then; the program's
   own are left to the program. Arguments and environment come from the files
   that Linux keeps them in; musl wants them in one array, as the kernel puts
   them on a stack: arguments, null, environment, null, auxiliary vector. */

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#define IMPORT(function) \
	__attribute__((import_module("env"), import_name(#function))) function

long IMPORT(__syscall1)(long, long);
long IMPORT(__syscall3)(long, long, long, long);

void __wasm_call_ctors(void);
int __libc_start_main(int (*)(int, char **, char **), int, char **,
	void (*)(void), void (*)(void), void (*)(void));

/* What clang calls main, by its parameters. The program has one of them. */
__attribute__((weak)) int __main_void(void)
{
	__builtin_trap();
}

__attribute__((weak)) int __main_argc_argv(int argc, char **argv)
{
	(void)argc, (void)argv;
	return __main_void();
}

enum { MOST_BYTES = 1 << 16, MOST_TEXTS = 1 << 12 };

static char bytes[MOST_BYTES];
static char *texts[MOST_TEXTS];
static size_t used, count;

/* Adds the texts of a file, each ended by a zero; answers how many. */
static size_t add(const char *path)
{
	size_t before = count, end = used;
	long fd = __syscall3(SYS_open, (long)path, O_RDONLY, 0), done;
	if (fd >= 0) {
		while ((done = __syscall3(SYS_read, fd, (long)(bytes + end), MOST_BYTES - 1 - end)) > 0)
			end += done;
		__syscall1(SYS_close, fd);
	}
	while (used < end && count < MOST_TEXTS - 8) {
		texts[count++] = bytes + used;
		while (bytes[used++]);
	}
	used = end;
	texts[count++] = NULL;
	return count - 1 - before;
}

/* Adds an entry of the auxiliary vector. */
static void describe(size_t type, size_t value)
{
	texts[count++] = (char *)type;
	texts[count++] = (char *)value;
}

static int with_environment(int argc, char **argv, char **envp)
{
	(void)envp;
	__wasm_call_ctors();
	return __main_argc_argv(argc, argv);
}

__attribute__((export_name("_start"))) void _start(void)
{
	size_t argc = add("/proc/self/cmdline");
	add("/proc/self/environ");
	describe(AT_PAGESZ, 4096);
	describe(AT_NULL, 0);
	__libc_start_main(with_environment, argc, texts, NULL, NULL, NULL);
}
