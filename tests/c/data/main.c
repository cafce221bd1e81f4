/* Data of one module used and pointed to by others. */

#include <stdio.h>
#include "store.h"

static int *const first = &store[0];
static int *const last = &store[STORE_SIZE - 1];
const char **const name_of_main = &store_name;
int owned_by_main = 40;

int main(void)
{
	printf("%d %d %s\n", *first, *last, *name_of_main);
	store[2] = 33;
	*last = 99;
	store_name = "renamed by main";
	printf("%d %d %s\n", sum_store(), *view_last, *view_name());
	add_to_main(2);
	printf("%d %d\n", owned_by_main, view_main());
	printf("%d %d\n", last == view_last, name_of_main == view_name());
	return 0;
}
