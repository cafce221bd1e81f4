/* Makes musl ready for a program of which functions are called and not `main`: musl has one
   function that does it and calls `main` too, which is left by a jump. */
#include <elf.h>
#include <setjmp.h>
#include <stddef.h>

void __wasm_call_ctors(void);
int __libc_start_main(int (*)(int, char **, char **), int, char **,
    void (*)(void), void (*)(void), void (*)(void));

static jmp_buf ready;

static int leave(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    longjmp(ready, 1);
}

__attribute__((export_name("_initialize"))) void _initialize(void) {
    /* Arguments, environment, and the auxiliary vector. */
    static char *texts[] = {"kernel", NULL, NULL, (char *)AT_PAGESZ, (char *)4096, NULL, NULL};
    if (!setjmp(ready))
        __libc_start_main(leave, 1, texts, NULL, NULL, NULL);
    __wasm_call_ctors();
}
