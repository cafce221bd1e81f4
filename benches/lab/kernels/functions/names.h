/* 512 names, and what is to be made of each. */
#pragma once
#include "kernel.h"

#define ONES(make, n) make(n##0) make(n##1) make(n##2) make(n##3) \
    make(n##4) make(n##5) make(n##6) make(n##7)
#define EIGHTS(make, n) ONES(make, n##0) ONES(make, n##1) ONES(make, n##2) ONES(make, n##3) \
    ONES(make, n##4) ONES(make, n##5) ONES(make, n##6) ONES(make, n##7)
#define ALL(make) EIGHTS(make, 10) EIGHTS(make, 11) EIGHTS(make, 12) EIGHTS(make, 13) \
    EIGHTS(make, 14) EIGHTS(make, 15) EIGHTS(make, 16) EIGHTS(make, 17)
