#include "names.h"

#define DEFINE(n) u32 f##n(u32 x) { return x ^ n; }
ALL(DEFINE)
