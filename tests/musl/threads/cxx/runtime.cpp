/* What C++ needs for objects of threads and for statics that are made once; the
   rest of the runtime is that of tests/c/exceptions. */

#include <pthread.h>
#include <stdlib.h>
#include "../../../c/exceptions/runtime.cpp"

struct End {
	void (*destroy)(void *);
	void *object;
	End *next;
};

static __thread End *ends;
static pthread_key_t key;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;
static pthread_mutex_t guards;
static pthread_once_t guards_made = PTHREAD_ONCE_INIT;

static void run_ends(void *)
{
	while (End *end = ends) {
		ends = end->next;
		end->destroy(end->object);
		free(end);
	}
}

static void make_key()
{
	pthread_key_create(&key, run_ends);
}

static void make_guards()
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&guards, &attr);
}

extern "C" {

int __cxa_thread_atexit(void (*destroy)(void *), void *object, void *)
{
	End *end = (End *)malloc(sizeof *end);
	*end = End { destroy, object, ends };
	ends = end;
	pthread_once(&key_made, make_key);
	return pthread_setspecific(key, end);
}

int __cxa_guard_acquire(char *guard)
{
	if (__atomic_load_n(guard, __ATOMIC_ACQUIRE))
		return 0;
	pthread_once(&guards_made, make_guards);
	pthread_mutex_lock(&guards);
	if (!*guard)
		return 1;
	pthread_mutex_unlock(&guards);
	return 0;
}

void __cxa_guard_release(char *guard)
{
	__atomic_store_n(guard, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&guards);
}

void __cxa_guard_abort(char *)
{
	pthread_mutex_unlock(&guards);
}

}
