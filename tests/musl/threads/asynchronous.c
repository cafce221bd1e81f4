#include <pthread.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	int old;
	int error = pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
	printf("%s, deferred %d\n", strerror(error), old == PTHREAD_CANCEL_DEFERRED);
	return 0;
}
