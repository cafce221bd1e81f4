/* A wrapper calls the definition after its own. */

#include "dl.h"

int work(int), last(int);

int main(void)
{
	printf("%d %d\n", work(5), last(0));
	printf("%d\n", symbol(RTLD_NEXT, "work") == symbol(RTLD_DEFAULT, "work"));
	return 0;
}
