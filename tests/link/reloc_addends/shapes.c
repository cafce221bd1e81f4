#include "shapes.h"

struct point shape[4] = {
	{ 'a', 1, 2, 0.5 }, { 'b', 3, 4, 1.5 }, { 'c', 5, 6, 2.5 }, { 'd', 7, 8, 3.5 },
};
char letters[27] = "abcdefghijklmnopqrstuvwxyz";
