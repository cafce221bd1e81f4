const char *inner(void);

const char *outer(void)
{
	return inner();
}
