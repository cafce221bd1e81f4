/* Tables of functions in static data, each function another module's. */

#include <stdio.h>

int plus(int), minus(int);
extern int (*plus_table[4])(int);
struct entry {
	const char *name;
	int (*function)(int);
};
extern const struct entry minus_table[];

int of_main(int x)
{
	return x * 10;
}

static const struct entry table[] = { { "plus", plus }, { "minus", minus }, { "of_main", of_main } };

int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("%s %s %d", table[i].name, minus_table[i].name, table[i].function(7));
		printf(" %d", minus_table[i].function == table[i].function);
		printf(" %d\n", plus_table[i] == table[i].function);
	}
	printf("%d\n", plus_table[3] == 0);
	return 0;
}
