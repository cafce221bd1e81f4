/* Refers to the data of the libraries by address: compiled without -fPIC. */

#include "shop.h"
#include <stdio.h>

static int subtract(int a, int b) { return a - b; }

/* Addresses in data, not just in code. */
static int *const where[] = {&counter, &origin.y};
static char *const in_room = room + 3;
FILE **const stream = (FILE **)&stdout;

int main(void)
{
	printf("counter %d %d %d\n", counter, count_seen_by_library(), count_by_pointer());
	counter = 10;
	printf("counter %d %d %d\n", *where[0], count_seen_by_library(), count_by_pointer());
	count(5);
	printf("counter %d\n", counter);
	printf("clerk %d\n", clerk_count());
	printf("counter %d same %d\n", counter, clerk_counter() == &counter);

	origin.y = 20;
	point_shift(4);
	printf("point %d %d %lld\n", origin.x, *where[1], origin.z);
	print_point();

	table[5] = 600;
	printf("table %d %d\n", table[2], table_sum());
	printf("room %c %d %d\n", *in_room, room[1999], room_is_here(room));
	printf("label %s\n", label);

	operations[2] = subtract;
	printf("operations %d %d %d\n", operations[0](2, 3), operate(1, 4, 5), operate(2, 9, 5));
	printf("clerk %d\n", clerk_operate(1, 2));
	printf("alias %d %d\n", loud_alias, alias_seen_by_library());
	loud_alias = 70;
	printf("alias %d\n", alias_seen_by_library());
	printf("months %d %d\n", months[1], months[11]);

	fprintf(stdout, "stream %d\n", *stream == stdout);
	fflush(stdout);
	return 0;
}
