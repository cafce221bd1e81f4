#include "ring.h"
struct node alpha = { "alpha", &beta, &gamma_ };

struct node *start(void)
{
	return &alpha;
}
