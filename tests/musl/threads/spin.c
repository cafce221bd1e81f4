/* Spin locks, what is done once, and atomic numbers of every size. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 3000 };

static pthread_spinlock_t lock;
static long count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int done, seen_undone;

static atomic_uchar bytes;
static atomic_ushort shorts;
static atomic_uint ints;
static atomic_ullong longs;
static _Atomic(char *) pointer;
static atomic_int largest, all_bits, flips;
static atomic_flag flag = ATOMIC_FLAG_INIT;
static long guarded;

static void initialise(void)
{
	sched_yield();
	done++;
}

static void *spin(void *p)
{
	pthread_once(&once, initialise);
	if (done != 1)
		seen_undone = 1;
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 2)
			pthread_spin_lock(&lock);
		else
			while (pthread_spin_trylock(&lock) == EBUSY)
				sched_yield();
		count++;
		pthread_spin_unlock(&lock);
	}
	return p;
}

static void *numbers(void *p)
{
	int me = (int)(long)p;
	for (int i = 0; i < ROUNDS; i++) {
		bytes++;
		shorts += 3;
		ints += 70000;
		longs += 0x100000001ULL;
		atomic_fetch_add(&pointer, 1);
		int old = largest;
		while (old < i * THREADS + me && !atomic_compare_exchange_weak(&largest, &old, i * THREADS + me));
		atomic_fetch_or(&all_bits, 1 << (i + me) % 20);
		atomic_fetch_xor(&flips, 1 << me);
		while (atomic_flag_test_and_set_explicit(&flag, memory_order_acquire))
			sched_yield();
		guarded++;
		atomic_flag_clear_explicit(&flag, memory_order_release);
	}
	return NULL;
}

static atomic_int next;
static int told[2];

static void *follow(void *p)
{
	int me = (int)(long)p;
	for (int i = me; i < 2000; i += 2) {
		while (atomic_load_explicit(&next, memory_order_acquire) != i)
			sched_yield();
		if (told[!me] != i - 1 + !i)
			told[me] = -5;
		told[me] = i;
		atomic_store_explicit(&next, i + 1, memory_order_release);
	}
	return NULL;
}

static void all(void *(*work)(void *), int threads)
{
	pthread_t made[THREADS];
	for (long i = 0; i < threads; i++)
		pthread_create(&made[i], NULL, work, (void *)i);
	for (int i = 0; i < threads; i++)
		pthread_join(made[i], NULL);
}

int main(void)
{
	pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
	all(spin, THREADS);
	printf("spun %ld, once %d, seen undone %d\n", count, done, seen_undone);
	pthread_spin_lock(&lock);
	printf("held %d\n", pthread_spin_trylock(&lock) == EBUSY);
	pthread_spin_unlock(&lock);
	pthread_spin_destroy(&lock);

	all(numbers, THREADS);
	printf("bytes %d, shorts %d, ints %u, longs %llx, pointer %ld\n", bytes, shorts, ints, longs,
		(long)(intptr_t)pointer);
	printf("largest %d, bits %x, flips %x, guarded %ld\n", largest, all_bits, flips, guarded);
	all(follow, 2);
	printf("followed %d %d\n", told[0], told[1]);
	return 0;
}
