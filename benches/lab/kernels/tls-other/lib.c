/* The variable is thread-local and the program's. */
#include "counter.h"

#ifdef BY_CALL
void step(u32 by) { *place() += by; }
#else
void step(u32 by) { counter += by; }
#endif
