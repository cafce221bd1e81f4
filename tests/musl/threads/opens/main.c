/* Libraries that threads open, use and close at the same time. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 25, LIBRARIES = 3 };

static const char *const files[] = {"./libx.so", "./liby.so", "./libz.so"};
static const char *const names[] = {"x", "y", "z"};
static atomic_int failed, wrong, missing;
static pthread_barrier_t barrier;

static void *open_and_close(void *p)
{
	int me = (int)(long)p;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		int which = (me + i) % LIBRARIES;
		void *handle = dlopen(files[which], i % 2 ? RTLD_NOW : RTLD_LAZY);
		if (!handle) {
			if (!failed++)
				printf("%s\n", dlerror());
			continue;
		}
		int (*function)(int) = (int (*)(int))dlsym(handle, names[which]);
		for (int j = 0, last = function(0); j < 10; j++, last++)
			wrong += function(1) != last + 1;
		if (dlsym(handle, "nothing") || !strstr(dlerror(), "nothing"))
			missing++;
		dlclose(handle);
	}
	return NULL;
}

/* The error is a thread's own. */
static void *err(void *p)
{
	char name[40];
	int bad = 0;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "./libnone%ld.so", (long)p);
		if (dlopen(name, RTLD_NOW))
			bad++;
		pthread_barrier_wait(&barrier);
		const char *text = dlerror();
		bad += !text || !strstr(text, name + 2);
		bad += dlerror() != NULL;
	}
	return (void *)(long)bad;
}

int main(void)
{
	pthread_t threads[THREADS];
	void *result;
	long bad = 0;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, open_and_close, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("failed %d, wrong %d, missing %d\n", failed, wrong, missing);

	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, err, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		bad += (long)result;
	}
	printf("errors mixed up %ld\n", bad);
	return 0;
}
