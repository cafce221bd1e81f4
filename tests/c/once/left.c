int *counter(void);

int left(void)
{
	return ++*counter();
}
