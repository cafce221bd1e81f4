/* Data in two libraries: the first is the one, with its initial value, for the
   second library too, and for pointers in its data. */

#include <stdio.h>

int reader(int), old_first(void);
const char *old_motto(void);

int main(void)
{
	printf("%d %d %s\n", reader(1), old_first(), old_motto());
	return 0;
}
