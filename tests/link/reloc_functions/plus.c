int minus(int), of_main(int);

int plus(int x)
{
	return x + 10;
}

int (*plus_table[4])(int) = { plus, minus, of_main, 0 };
