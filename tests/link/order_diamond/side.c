#define TEXT(x) #x
#define QUOTED(x) TEXT(x)
#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)

void say(const char *who, const char *what);
extern int base_count;
static int count_at_start;

__attribute__((constructor)) static void start(void)
{
	say(QUOTED(SIDE), "starts");
	count_at_start = base_count;
}

__attribute__((destructor)) static void finish(void)
{
	say(QUOTED(SIDE), "ends");
}

int JOIN(SIDE, _count)(void)
{
	return count_at_start;
}
