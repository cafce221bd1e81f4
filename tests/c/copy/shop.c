/* A library with data of many kinds, some next to hidden ones. */

#include "shop.h"
#include <stdio.h>

static int add(int a, int b) { return a + b; }
static int multiply(int a, int b) { return a * b; }

int counter = 41;
static int near_counter = 7;
struct point origin = {1, 2, 3};
short table[6] = {1, 2, 3, 4, 5, 6};
char room[2000];
const char *label = "a label";
int *own_pointer = &counter;
int (*operations[3])(int, int) = {add, multiply, 0};
int quiet_name = 5;
extern int loud_alias __attribute__((weak, alias("quiet_name")));
const int months[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Runs before main, on the one copy there is. */
__attribute__((constructor)) static void prepare(void)
{
	counter++;
	room[3] = 'r';
	quiet_name += near_counter;
}

void count(int by) { counter += by; }
int count_seen_by_library(void) { return counter; }
int count_by_pointer(void) { return *own_pointer; }
int alias_seen_by_library(void) { return quiet_name; }
int room_is_here(const char *at) { return at == room; }
int operate(int which, int a, int b) { return operations[which](a, b); }

int table_sum(void)
{
	int sum = 0;
	for (int i = 0; i < 6; i++)
		sum += table[i];
	return sum;
}

void point_shift(int by)
{
	origin.x += by;
	origin.z -= by;
}

void print_point(void) { printf("point %d %d %lld\n", origin.x, origin.y, origin.z); }
