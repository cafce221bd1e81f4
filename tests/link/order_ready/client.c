int square(int);
static int sum;

__attribute__((constructor)) static void use(void)
{
	for (int i = 0; i < 10; i++)
		sum += square(i);
}

int client_sum(void)
{
	return sum;
}
