#include <stdio.h>

#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)

#ifdef NEXT
int JOIN(depth, NEXT)(int);
#endif

__attribute__((constructor)) static void start(void)
{
	printf("%d starts\n", N);
}

__attribute__((destructor)) static void finish(void)
{
	printf("%d ends\n", N);
}

int JOIN(depth, N)(int x)
{
#ifdef NEXT
	return JOIN(depth, NEXT)(2 * x) + N;
#else
	return x;
#endif
}
