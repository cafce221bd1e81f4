#include "dl.h"

int main(void)
{
	void *q = need("libq.so", RTLD_NOW), *user = need("libmain2.so", RTLD_NOW);
	void *p = need("libp.so", RTLD_NOW);

	*(int *)symbol(p, "number") = 5;
	*(int *)symbol(q, "number") = 7;
	printf("%d %d\n", call(p, "get", 0), call(q, "get", 0));
	printf("%d %d\n", call(user, "user", 0), call(user, "get", 0));
	return 0;
}
