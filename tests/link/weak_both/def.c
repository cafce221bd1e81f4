/* The same weak definitions in both, as inline functions of C++ have them. */

__attribute__((weak)) int instance = NUMBER;

__attribute__((weak)) const char *maker(void)
{
	return WHO;
}

const char *(*TAKE(int **value))(void)
{
	*value = &instance;
	return maker;
}
