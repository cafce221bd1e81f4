#include "kernel.h"

/* Whether the pattern is one. */
int regex_compile(const char *pattern);
/* Where the longest of the matches ends that are found first; -1: none. */
int regex_search(const char *text, u32 length);
