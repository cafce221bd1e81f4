#include "shape.h"

int triple(int);
extern const char other_name[];
static struct shape second = { 'b', { 4, 5, 6 }, 2.5, "second", triple, 0 };
struct shape shape = { 'a', { 1, 2, 3 }, 1.5, other_name, triple, &second };
struct shape *first = &shape;

double store_area(void) { return shape.area; }
struct shape *store_first(void) { return first; }
