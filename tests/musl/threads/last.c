/* main is done before the others are; the last thread ends the program. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_t main_;

static void at_exit(void)
{
	printf("at exit, in main %d\n", pthread_equal(pthread_self(), main_) != 0);
}

static void destroy(void *p)
{
	printf("%s\n", (char *)p);
}

static void *later(void *p)
{
	void *result;
	pthread_join(main_, &result);
	printf("main left %s\n", (char *)result);
	usleep(1000);
	return p;
}

int main(void)
{
	pthread_t thread;
	pthread_key_t key;
	main_ = pthread_self();
	atexit(at_exit);
	pthread_key_create(&key, destroy);
	pthread_setspecific(key, "main's value destroyed");
	pthread_create(&thread, NULL, later, NULL);
	pthread_exit("something");
}
