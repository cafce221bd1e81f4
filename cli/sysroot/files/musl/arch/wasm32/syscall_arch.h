/* System calls are functions of the host. A number of 64 bits takes two
   arguments, the low half first. */

#define __SYSCALL_LL_E(x) (long)(unsigned long)(x), (long)((unsigned long long)(x) >> 32)
#define __SYSCALL_LL_O(x) __SYSCALL_LL_E(x)

#define WASM_IMPORT(function) \
	__attribute__((__import_module__("env"), __import_name__(#function))) function

long WASM_IMPORT(__syscall0)(long);
long WASM_IMPORT(__syscall1)(long, long);
long WASM_IMPORT(__syscall2)(long, long, long);
long WASM_IMPORT(__syscall3)(long, long, long, long);
long WASM_IMPORT(__syscall4)(long, long, long, long, long);
long WASM_IMPORT(__syscall5)(long, long, long, long, long, long);
long WASM_IMPORT(__syscall6)(long, long, long, long, long, long, long);

#undef WASM_IMPORT
