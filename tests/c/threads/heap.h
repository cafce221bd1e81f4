/* An allocator for a program and for what the loader puts into its memory: free lists by
   powers of two, behind one lock. A program may look at each call by `at_heap`. */

static u32 heap_lock;
static u8 *heap_next, *heap_end;
static void *heap_free[32];
static void (*at_heap)(void);

static void heap_locked(void)
{
	while (__atomic_exchange_n(&heap_lock, 1, __ATOMIC_SEQ_CST))
		wait(&heap_lock, 1, MILLISECOND);
}

static void heap_unlocked(void)
{
	store(&heap_lock, 0);
	notify(&heap_lock, 1);
}

/* Each block is of 16 << class bytes, aligned to so many up to a page, with its class
   in front of it. */
static void *heap_block(u32 class)
{
	u8 *block = heap_free[class];
	if (block) {
		heap_free[class] = *(void **)block;
		return block;
	}
	u32 size = 16u << class, align = size < 65536 ? size : 65536;
	u32 start = ((u32)heap_next + 16 + align - 1) / align * align;
	if (start + size > (u32)heap_end) {
		u32 pages = (size + align + 65535) / 65536;
		u32 before = __builtin_wasm_memory_grow(0, pages);
		if (before == (u32)-1)
			return NULL;
		if (before * 65536 != (u32)heap_end)
			heap_next = (u8 *)(before * 65536);
		heap_end = (u8 *)((before + pages) * 65536);
		start = ((u32)heap_next + 16 + align - 1) / align * align;
	}
	heap_next = (u8 *)(start + size);
	((u32 *)start)[-4] = class;
	return (void *)start;
}

__attribute__((visibility("default"), used)) void *malloc(size_t size)
{
	if (at_heap)
		at_heap();
	u32 class = 0;
	while ((16u << class) < size)
		class++;
	heap_locked();
	void *block = heap_block(class);
	heap_unlocked();
	return block;
}

__attribute__((visibility("default"), used)) void free(void *block)
{
	if (at_heap)
		at_heap();
	if (!block)
		return;
	heap_locked();
	u32 class = ((u32 *)block)[-4];
	*(void **)block = heap_free[class];
	heap_free[class] = block;
	heap_unlocked();
}

/* <dlfcn.h> */
#define NOW 2
#define LAZY 1
#define GLOBAL 0x100
void *dlopen(const char *, int);
void *dlsym(void *, const char *);
int dlclose(void *);
char *dlerror(void);

/* Opens, and says why not. */
HIDDEN void *opened(const char *name, int how)
{
	void *library = dlopen(name, how);
	if (!library) {
		print("%s: %s\n", name, dlerror());
		proc_exit(1);
	}
	return library;
}

HIDDEN void *symbol(void *library, const char *name)
{
	void *address = dlsym(library, name);
	if (!address) {
		print("%s: %s\n", name, dlerror());
		proc_exit(1);
	}
	return address;
}
