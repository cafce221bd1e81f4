__attribute__((weak)) int level = 1;

__attribute__((weak)) const char *kind(void)
{
	return "weak";
}
