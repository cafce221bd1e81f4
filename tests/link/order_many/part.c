#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)

void started(int);
static int state = N;

__attribute__((constructor)) static void start(void)
{
	started(N);
	state += 100;
}

int JOIN(part, N)(void)
{
	return state++;
}
