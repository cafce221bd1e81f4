#include <stdio.h>
#include "shapes.h"

/* Into the middle, one past the end, and before the beginning plus something. */
int *view_y = &shape[2].y;
double *view_weight = &shape[3].weight;
char *view_tail = letters + 23;
struct point *view_end = &shape[4];
static char *const middle[] = { &letters[1], &letters[12], (char *)&letters + 25 };

int view_letters(int i)
{
	return *middle[i];
}

int view_count(void)
{
	return (int)(view_end - shape);
}

void view_show(void)
{
	printf("%d %g %s\n", *view_y, *view_weight, view_tail);
}
