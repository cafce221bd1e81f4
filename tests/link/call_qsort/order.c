int order_down(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x < y) - (x > y);
}

int (*order_up(void))(const void *, const void *);
static int up(const void *a, const void *b)
{
	return order_down(b, a);
}

int (*order_up(void))(const void *, const void *)
{
	return up;
}
