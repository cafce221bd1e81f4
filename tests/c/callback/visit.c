typedef int visitor(void *state, int value);
int supplied_by_main(int value);

/* Visits numbers until the visitor has seen enough. */
int visit(int from, int to, visitor *visitor, void *state)
{
	for (int value = from; value <= to; value++)
		if (visitor(state, value))
			return value;
	return to;
}

int visit_by_name(int count)
{
	int sum = 0;
	for (int i = 0; i < count; i++)
		sum += supplied_by_main(i);
	return sum;
}
