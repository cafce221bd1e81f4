#include "ring.h"
struct node beta = { "beta", &gamma_, &alpha };
