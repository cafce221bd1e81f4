/* Thread-local variables of main, of three libraries, and of one that is opened
   while there are threads. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "tls.h"

enum { THREADS = 4, ROUNDS = 300, LINES = 8 };

static int target[3];
static __thread int own = 7;
static __thread int *pointer = &target[1];
static __thread char zeros[1000];
__thread int exported = 3;

static pthread_barrier_t barrier, late_barrier;
static void (*plug_add)(int), (*plug_tell)(char *);
static int *(*plug_place)(void);
static void *plug;
static char told[THREADS + 1][LINES][200];
static int *places[THREADS + 1][6];

static void tell(int me)
{
	char (*lines)[200] = told[me];
	sprintf(lines[0], "main: %d, pointer %d, zeros %d, exported %d", own, (int)(pointer - target),
		zeros[0] + zeros[999], exported);
	one_tell(lines[1]);
	two_tell(lines[2]);
	three_tell(lines[3]);
	if (plug)
		plug_tell(lines[4]);
	places[me][0] = &own;
	places[me][1] = one_place();
	places[me][2] = two_place();
	places[me][3] = three_place();
	if (plug) {
		places[me][4] = plug_place();
		sprintf(lines[5], "found: plug %d, one %d", dlsym(plug, "plug_number") == plug_place(),
			dlsym(RTLD_DEFAULT, "one_number") == one_place());
	}
}

static void work(int me)
{
	for (int i = 0; i < ROUNDS; i++) {
		own += me;
		pointer = &target[i % 3];
		zeros[999 * (i % 2)] = 1;
		exported += me;
		one_add(me);
		two_add(me + 1);
		three_add(me + 2);
		if (plug)
			plug_add(me);
	}
}

/* Says what all threads have told, main first. */
static void show(const char *when)
{
	printf("%s\n", when);
	for (int i = 0; i <= THREADS; i++) {
		for (int j = 0; j < LINES; j++)
			if (told[i][j][0])
				printf("  %d %s\n", i, told[i][j]);
		for (int j = 0; j < i; j++)
			for (int k = 0; k < 6; k++)
				if (places[i][k] && places[i][k] == places[j][k])
					printf("  the same place %d\n", k);
	}
}

/* Tells, and lets main show it. */
static void report(int me)
{
	tell(me);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
}

static void *thread(void *p)
{
	int me = (int)(long)p;
	report(me);
	work(me);
	report(me);
	/* There is one library more now. */
	report(me);
	work(me);
	tell(me);
	return NULL;
}

/* Comes after the library was opened. */
static void *late(void *p)
{
	int me = (int)(long)p;
	work(me);
	tell(me);
	/* All are there at the same time; so none is where another has been. */
	pthread_barrier_wait(&late_barrier);
	return NULL;
}

static void open_plug(void)
{
	plug = dlopen("./libplug.so", RTLD_NOW);
	if (!plug) {
		printf("%s\n", dlerror());
		exit(1);
	}
	plug_add = (void (*)(int))dlsym(plug, "plug_add");
	plug_tell = (void (*)(char *))dlsym(plug, "plug_tell");
	plug_place = (int *(*)(void))dlsym(plug, "plug_place");
}

/* Shows what all have told, and does something, while they wait. */
static void let_show(const char *when, void (*then)(void))
{
	tell(0);
	pthread_barrier_wait(&barrier);
	show(when);
	if (then)
		then();
	pthread_barrier_wait(&barrier);
}

int main(void)
{
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	pthread_barrier_init(&late_barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, (void *)(i + 1)))
			return 1;
	let_show("at first", NULL);
	let_show("worked", open_plug);
	let_show("opened", NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	tell(0);
	show("worked again");

	/* What their predecessors left is not there. */
	for (int round = 0; round < 20; round++) {
		for (long i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, late, (void *)(i + 1));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	tell(0);
	show("others");

	/* Closed and opened again, it begins anew. */
	work(5);
	dlclose(plug);
	plug = NULL;
	open_plug();
	tell(0);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, late, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	show("opened again");
	return 0;
}
