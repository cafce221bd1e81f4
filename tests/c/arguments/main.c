/* What a call across modules can carry: more arguments than there are
   registers, every type, structures, variable lists; directly and by pointer. */

#include <stdio.h>
#include "take.h"

static long long forward(const char *kinds, ...)
{
	va_list list;
	va_start(list, kinds);
	long long sum = variadic_list(kinds, list);
	va_end(list);
	return sum;
}

int main(void)
{
	printf("many_ints %d\n", many_ints(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
	printf("many_doubles %g\n", many_doubles(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 4));

	printf("mixed %g\n", mixed(1, 2.5, 3, 4.5f, 5, 6.5, 7, 8.5f, 9, 10.5, 11, 12.5f, 13, 14.5, 15,
	                           16.5f));
	printf("by pointer %g\n", get_mixed()(1, 2.5, 3, 4.5f, 5, 6.5, 7, 8.5f, 9, 10.5, 11, 12.5f, 13,
	                                      14.5, 15, 16.5f));

	printf("wide %lld\n", wide(0xfedcba9876543210, 255, -128, 65535, -32768));
	struct point m = middle((struct point){ 1, 2 }, (struct point){ 4, 8 });
	printf("middle %g %g\n", m.x, m.y);
	struct big b = make_big(10, (struct single){ 1.5f });
	printf("big %d %d %g %d\n", b.values[0], b.values[8], b.at.y, sum_big(b));
	printf("variadic %lld %lld\n", variadic("ildp", 1, 2LL, 3.9, m), forward("lli", 1LL << 40, -1LL, 5));
	printf("small %d %d %g\n", is_even(4), is_even(5), half(5));
	__int128 p = product(-3000000000000, 4000000000000);
	printf("product %lld %llx\n", (long long)(p >> 64), (unsigned long long)p);
	return 0;
}
