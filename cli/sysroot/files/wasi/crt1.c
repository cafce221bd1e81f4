/* The start of a program whose libc is a shared library.

   The loader has run the constructors of every library by then; the program's
   own are left to the program. __main_void is the program's own if main takes
   no arguments; else libc's, which fetches them and calls main. */

void __wasm_call_ctors(void);
int __main_void(void);
_Noreturn void exit(int);

__attribute__((export_name("_start"))) void _start(void)
{
	__wasm_call_ctors();
	exit(__main_void());
}
