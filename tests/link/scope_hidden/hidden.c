#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)

__attribute__((visibility("hidden"))) int secret = VALUE;

__attribute__((visibility("hidden"), noinline)) int step(int x)
{
	return secret += x;
}

static int (*const pointer)(int) = step;

int JOIN(WHO, _step)(int x)
{
	int sum = step(x);
	return sum + 1000 * pointer(0);
}
