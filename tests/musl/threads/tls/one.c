#include <stdio.h>
#include <string.h>
#include "tls.h"

static const char name[] = "one";
static int shared;
static int twice(int n)
{
	return 2 * n;
}

/* Initial values of every sort: numbers, addresses, zeros. */
__thread int one_number = 11;
static __thread int sum;
static __thread const char *text = name + 1;
static __thread int *to_shared = &shared;
static __thread int (*function)(int) = twice;
static __thread double wide = 2.5;
static __thread char letters[] = "letters";
__attribute__((visibility("hidden"))) __thread int zeros[100];

void one_add(int n)
{
	sum += function(n);
	one_number++;
	zeros[n % 100]++;
	letters[n % 7] = 'a' + n % 26;
	wide *= 1.5;
	__atomic_add_fetch(to_shared, 1, __ATOMIC_RELAXED);
}

void one_tell(char *out)
{
	int others = 0;
	for (int i = 0; i < 100; i++)
		others += zeros[i];
	sprintf(out, "one: %d, sum %d, %s, shared %d, zeros %d, letters %s, wide %g", one_number, sum, text,
		to_shared == &shared, others, letters, wide);
}

int *one_place(void)
{
	return &one_number;
}
