/* One counter, whichever way it is reached. */

#include <stdio.h>

int left(void), right(void), next(void);

int main(void)
{
	for (int i = 0; i < 3; i++) {
		printf("%d ", left());
		printf("%d ", right());
		printf("%d\n", next());
	}
	return 0;
}
