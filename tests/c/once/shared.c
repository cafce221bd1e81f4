static int constructed;
static int count = 100;

__attribute__((constructor)) static void start(void)
{
	constructed++;
}

int constructions(void)
{
	return constructed;
}

int *counter(void)
{
	return &count;
}
