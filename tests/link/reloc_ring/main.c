/* A ring through three libraries that need each other, all in static data. */

#include <stdio.h>
#include "ring.h"

struct node *start(void);

int main(void)
{
	struct node *n = start();
	for (int i = 0; i < 5; i++, n = n->next)
		printf("%s ", n->name);
	for (int i = 0; i < 5; i++, n = n->previous)
		printf("%s ", n->name);
	printf("%d\n", start()->next->next->next == start());
	return 0;
}
