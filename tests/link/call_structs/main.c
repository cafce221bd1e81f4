/* Structures by value, as arguments and results. */

#include <stdio.h>
#include "structs.h"

int main(void)
{
	for (int i = 0; i < 2; i++) {
		struct one one = make_one(i + 1);
		struct pair pair = make_pair(i, 2.25);
		struct big big = make_big(100 + i, "across"), other = change(big, pair);

		printf("%d %d %g\n", one.only, pair.a, pair.b);
		printf("%d %g %d %g %g\n", big.id, big.values[2], other.id, other.values[2], other.values[4]);
		printf("%d %s %d\n", by_value(one, pair, big, 1000), other.name, big.id);
	}
	return 0;
}
