int is_odd(unsigned, double, const char *);

int is_even(unsigned n, double keep, const char *text)
{
	int answer = n == 0 ? 1 : is_odd(n - 1, keep + 1, text);
	return keep < 0 ? -1 : answer + (text[0] == 'x');
}
