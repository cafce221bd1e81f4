/* Opened when there are threads. */
#include <stdio.h>
#include "tls.h"

static int anchor;
__thread int plug_number = 44;
static __thread int sum;
static __thread int *to_anchor = &anchor;
static __thread char letters[8] = "plug";
static __thread int calls[50];

void plug_add(int n)
{
	sum += n;
	plug_number++;
	calls[n % 50]++;
	letters[3] = 'm';
	two_add(n);
}

void plug_tell(char *out)
{
	int all = 0;
	for (int i = 0; i < 50; i++)
		all += calls[i];
	sprintf(out, "plug: %d, sum %d, anchor %d, %s, calls %d", plug_number, sum, to_anchor == &anchor, letters, all);
}

int *plug_place(void)
{
	return &plug_number;
}
