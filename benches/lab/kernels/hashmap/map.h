#include "kernel.h"

/* Forgets everything. */
void map_clear(void);
/* The place of the number for a key; made, with 0 in it, where it is new. */
u32 *map_at(const char *key, u32 length);
/* The same, or null. */
u32 *map_find(const char *key, u32 length);
int map_remove(const char *key, u32 length);
u32 map_size(void);
