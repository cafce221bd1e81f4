/* Dynamic linking at run time, for programs that wasmaot runs: the functions
   are the loader's own. The values are those of wasi-libc and musl, whose own
   headers do as well. */

#ifndef WASMAOT_DLFCN_H
#define WASMAOT_DLFCN_H

#ifdef __cplusplus
extern "C" {
#endif

/* How dlopen binds: one of these two. */
#define RTLD_LAZY 0x1
#define RTLD_NOW 0x2

/* And any of these. */
#define RTLD_NOLOAD 0x4
#define RTLD_LOCAL 0x0 /* 0x8 is the same */
#define RTLD_GLOBAL 0x100
#define RTLD_NODELETE 0x1000
#define RTLD_DEEPBIND 0x4000 /* on Linux 0x8, which is RTLD_LOCAL here */

/* Handles for dlsym: the scope of the caller, and what follows the caller in it. */
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1)

/* What dladdr tells of an address. */
typedef struct {
	const char *dli_fname; /* file of the object that it lies in */
	void *dli_fbase;       /* where that object's data were placed */
	const char *dli_sname; /* nearest symbol at or before it, or null */
	void *dli_saddr;       /* exact address of that symbol, or null */
} Dl_info;

void *dlopen(const char *file, int mode);
void *dlsym(void *__restrict handle, const char *__restrict name);
void *dlvsym(void *handle, const char *symbol, const char *version);
int dlclose(void *handle);
char *dlerror(void);
int dladdr(const void *address, Dl_info *info);

#ifdef __cplusplus
}
#endif

#endif
