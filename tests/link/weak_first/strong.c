int level = 2;

const char *kind(void)
{
	return "strong";
}
