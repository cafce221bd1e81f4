/* The list of loaded objects, for programs that wasmaot runs. */

#ifndef WASMAOT_LINK_H
#define WASMAOT_LINK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A system with an <elf.h> of its own has these from there. */
#if defined(__has_include) && __has_include(<elf.h>)
#include <elf.h>
#else
typedef uint16_t Elf32_Half;
typedef uint32_t Elf32_Word;
typedef uint32_t Elf32_Addr;
typedef uint32_t Elf32_Off;

typedef struct {
	Elf32_Word p_type;
	Elf32_Off p_offset;
	Elf32_Addr p_vaddr;
	Elf32_Addr p_paddr;
	Elf32_Word p_filesz;
	Elf32_Word p_memsz;
	Elf32_Word p_flags;
	Elf32_Word p_align;
} Elf32_Phdr;
#endif

#define ElfW(type) Elf32_##type

/* One loaded object. */
struct dl_phdr_info {
	ElfW(Addr) dlpi_addr;         /* where its data were placed */
	const char *dlpi_name;        /* its path; empty for the program */
	const ElfW(Phdr) *dlpi_phdr;  /* its segments in linear memory */
	ElfW(Half) dlpi_phnum;
	unsigned long long dlpi_adds; /* objects loaded so far */
	unsigned long long dlpi_subs; /* objects unloaded so far */
	size_t dlpi_tls_modid;
	void *dlpi_tls_data;
};

/* Calls back for each loaded object until one call answers other than 0. */
int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size, void *data),
		    void *data);

#ifdef __cplusplus
}
#endif

#endif
