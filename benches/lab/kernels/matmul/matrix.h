#include "kernel.h"

/* Rows do not lie at equal places of pages: which loads and stores a processor
   takes for the same would be a matter of luck. */
enum { SIZE = 128, ROW = SIZE + 9 };

void multiply(double *c, const double *a, const double *b);
