/* What mappings are multiples of; memory grows by more. */
#define PAGESIZE 4096
