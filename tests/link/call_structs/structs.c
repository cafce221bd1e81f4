#include <string.h>
#include "structs.h"

int by_value(struct one one, struct pair pair, struct big big, int last)
{
	big.id = 0;
	return one.only + (int)(pair.a * pair.b) + (int)strlen(big.name) + last;
}

struct one make_one(int x)
{
	return (struct one){ 3 * x };
}

struct pair make_pair(int a, double b)
{
	return (struct pair){ a + 1, b * 2 };
}

struct big make_big(int id, const char *name)
{
	struct big big = { id, "", { 1, 2, 3, 4, 5.5 } };
	strcpy(big.name, name);
	return big;
}

struct big change(struct big big, struct pair pair)
{
	big.values[2] = pair.b;
	big.id += pair.a;
	return big;
}
