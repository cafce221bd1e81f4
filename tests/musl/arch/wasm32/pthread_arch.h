/* There is one thread, and its area's address is a variable: see
   src/thread/__set_thread_area.c. */

extern __attribute__((__visibility__("hidden"))) uintptr_t __wasm_thread_area;

static inline uintptr_t __get_tp(void)
{
	return __wasm_thread_area;
}

#define MC_PC __pc
