/* Functions of libc that nothing else in libc depends on. */

#include <stddef.h>

static unsigned state;

void srand(unsigned seed) { state = seed; }
int rand(void) { return (int)(state += 7); }
char *getenv(const char *name) { return name[0] == 'F' ? "faked" : NULL; }
