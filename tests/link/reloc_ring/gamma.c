#include "ring.h"
struct node gamma_ = { "gamma", &alpha, &beta };
