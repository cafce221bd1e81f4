/* wasi-libc has the function, and no header that says so. */
#ifdef __wasi__
#include <stddef.h>
size_t malloc_usable_size(const void *);
#endif
