/* What is closed has ended, whatever another thread is closing meanwhile. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int ended[2];

static void *open_(const char *file, int *place)
{
	void *handle = dlopen(file, RTLD_NOW);
	if (handle)
		((void (*)(int *))dlsym(handle, "tell"))(place);
	else
		printf("%s\n", dlerror());
	return handle;
}

static void *close_(void *handle)
{
	dlclose(handle);
	return ended[0] ? "ended" : "not ended";
}

int main(void)
{
	pthread_t thread;
	void *result;
	void *slow = open_("./libslow.so", &ended[0]), *quick = open_("./libquick.so", &ended[1]);
	pthread_create(&thread, NULL, close_, slow);
	usleep(20000);
	dlclose(quick);
	int quick_ended = ended[1];
	pthread_join(thread, &result);
	printf("slow %s, quick %s\n", (char *)result, quick_ended ? "ended" : "not ended");
	return 0;
}
