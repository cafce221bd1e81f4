/* The address of a thread's area is a global of wasm, of which each thread has
   its own: see src/thread/__set_thread_area.c. */

__asm__(".globaltype __wasm_thread_area, i32");

static inline uintptr_t __get_tp(void)
{
	uintptr_t area;
	__asm__("global.get __wasm_thread_area\n\tlocal.set %0" : "=r"(area));
	return area;
}

static inline void __wasm_set_tp(uintptr_t area)
{
	__asm__ __volatile__("local.get %0\n\tglobal.set __wasm_thread_area" : : "r"(area) : "memory");
}
