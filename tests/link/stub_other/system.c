int system_level(int x) { return 10 + x; }

/* What an SDK has where nobody can open anything: on the host, nothing. */
#ifdef __wasm__
#include <stddef.h>

void *dlopen(const char *file, int mode) { return NULL; }
void *dlsym(void *handle, const char *name) { return NULL; }
int dlclose(void *handle) { return -1; }
char *dlerror(void) { return "no dynamic linking here"; }
int dladdr(const void *address, void *info) { return 0; }
#endif
