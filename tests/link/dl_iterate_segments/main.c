/* A variable lies in a segment of its own object and of no other. */

#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include "dl.h"

int main_value = 3;

struct search {
	const char *address;
	int found;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *search = data;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		const char *start = (const char *)(info->dlpi_addr + segment->p_vaddr);

		if (segment->p_type != 1 || search->address < start ||
		    search->address >= start + segment->p_memsz)
			continue;
		const char *slash = strrchr(info->dlpi_name, '/');
		const char *name = slash ? slash + 1 : info->dlpi_name;
		printf("%s ", *name && strcmp(name, "main.wasm") ? name : "main");
		search->found++;
	}
	return 0;
}

static void find(const void *address)
{
	struct search search = { address, 0 };

	dl_iterate_phdr(visit, &search);
	printf("%d\n", search.found);
}

int main(void)
{
	void *linked = need("liblinked.so", RTLD_NOW), *plug = need("libplug.so", RTLD_NOW);
	const char *room = symbol(plug, "plug_room");

	find(&main_value);
	find(symbol(linked, "linked_value"));
	find((char *)symbol(linked, "linked_room") + 1999);
	find(symbol(plug, "plug_value"));
	find(room + 19999);
	dlclose(plug);
	find(room + 19999);
	return 0;
}
