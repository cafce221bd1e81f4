typedef int step(int, void *);
int repeat(int, step *, void *);
struct nested { int times; step *function; void *data; };

static int inner_round(int value, void *data)
{
	struct nested *nested = data;
	return value + repeat(nested->times, nested->function, nested->data);
}

int twice_nested(int outer, int inner, step *function, void *data)
{
	struct nested nested = { inner, function, data };
	return repeat(outer, inner_round, &nested);
}
