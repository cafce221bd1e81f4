/* Objects that threads have of their own: made at first use, destroyed when the
   thread ends, the last one first. Statics made once. Exceptions in each thread. */
#include "counted.h"

#ifdef __wasm__
__asm__(".tagtype __cpp_exception i32\n.globl __cpp_exception\n__cpp_exception:");
#endif

enum { THREADS = 4 };

static char logs[THREADS + 1][400];
static thread_local int me;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

extern "C" void note(const char *text, int number)
{
	char *log = logs[me];
	snprintf(log + strlen(log), sizeof logs[me] - strlen(log), " %s%d", text, number);
}

static thread_local Counted own("main's", 10);
static thread_local int computed = library_next();

static int calls(int thread)
{
	own.number += thread;
	for (int i = 0; i < thread; i++)
		library_next();
	return computed;
}

static int catches(int rounds)
{
	int caught = 0;
	for (int i = 0; i < rounds; i++) {
		try {
			try {
				library_fail(i % 5);
			} catch (const Error &error) {
				caught += error.code;
				throw Again { i };
			}
		} catch (const Again &again) {
			caught += again.number == i;
		}
	}
	return caught;
}

static void *work(void *p)
{
	me = (int)(long)p;
	int value = me == 2 ? 0 : calls(me);
	int caught = catches(500);
	const char *once = library_once(me);
	static thread_local Counted inner("inner", 1000 + me);
	inner.number++;
	pthread_mutex_lock(&lock);
	char *log = logs[me];
	snprintf(log + strlen(log), sizeof logs[me] - strlen(log), "; %d, caught %d, %s;", value, caught, once);
	pthread_mutex_unlock(&lock);
	if (me == 3)
		pthread_exit(nullptr);
	return nullptr;
}

int main()
{
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], nullptr, work, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], nullptr);
	printf("main's: %d\n", calls(7));
	for (int i = 0; i <= THREADS; i++)
		printf("%d:%s\n", i, logs[i]);
	return 0;
}
