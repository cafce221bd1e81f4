/* Main's static data point to functions and data of a library. */

#include <stdio.h>

struct node {
	int value;
	struct node *next;
};
extern struct node first, second, third;
extern int counter;
int bump(int);

static struct node zeroth = { 0, &first };
static struct {
	int *counter;
	int (*bump)(int);
	struct node **tail;
} hooks = { &counter, bump, &third.next };

int main(void)
{
	static struct node fourth = { 4, 0 };

	*hooks.tail = &fourth;
	for (struct node *n = &zeroth; n; n = n->next)
		printf("%d ", n->value);
	int bumped = hooks.bump(1);
	printf("%d %d\n", bumped, *hooks.counter);
	return 0;
}
