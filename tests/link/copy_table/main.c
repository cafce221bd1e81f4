/* Tables of pointers, some of them to what is copied itself. */

#include <stdio.h>

typedef int function(int);
extern int values[3], *pointers[2];
extern const char *const names[];
extern function *functions[2];
int store_call(int, int), two(int);

static int *const mine = &values[1];
static int own(int x) { return 100 * x; }

int main(void)
{
	for (int i = 0; names[i]; i++)
		printf("%s %d\n", names[i], functions[i](5));
	*pointers[1] = 11;
	printf("%d %d %d\n", values[0], *pointers[0], *mine);
	printf("%d\n", functions[1] == two);
	functions[0] = own;
	printf("%d\n", store_call(0, 3));
	return 0;
}
