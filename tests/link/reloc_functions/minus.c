int plus(int), of_main(int);

int minus(int x)
{
	return x - 10;
}

struct entry {
	const char *name;
	int (*function)(int);
};

const struct entry minus_table[] = {
	{ "plus", plus },
	{ "minus", minus },
	{ "of_main", of_main },
};
