/* As a C++ compiler registers destructors. */

#include <stdio.h>

int __cxa_atexit(void (*)(void *), void *, void *);
extern void *__dso_handle;

static struct object { const char *name; int count; } objects[2] = { { "alpha", 1 }, { "beta", 2 } };

static void destroy(void *object)
{
	struct object *o = object;
	printf("%s %d\n", o->name, o->count);
}

void make(int which)
{
	objects[which].count += 10;
	__cxa_atexit(destroy, &objects[which], &__dso_handle);
}
