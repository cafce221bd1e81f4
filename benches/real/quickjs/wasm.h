/* wasi-libc has the function, and no header that says so; and wasm rounds in one way, which
   the engine asks to change only where it writes digits. */
#ifdef __wasi__
#include <fenv.h>
#include <stddef.h>
size_t malloc_usable_size(const void *);
#define FE_DOWNWARD FE_TONEAREST
#define FE_UPWARD FE_TONEAREST
#endif
