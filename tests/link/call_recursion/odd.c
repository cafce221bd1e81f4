int is_even(unsigned, double, const char *);

int is_odd(unsigned n, double keep, const char *text)
{
	int answer = n == 0 ? 0 : is_even(n - 1, keep + 1, text);
	return keep < 0 ? -1 : answer;
}
