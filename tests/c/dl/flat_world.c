// A library of the flat ABI: no libc but what the host has.
int puts(const char *);

__attribute__((export_name("world"))) void world(void) { puts("World!"); }
