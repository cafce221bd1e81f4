/* Two libraries that need each other, and call each other until done. */

#include <stdio.h>

int ping(int depth, long long sum);
extern int ping_calls, pong_calls;
int calls_seen_by_pong(void);

int main(void)
{
	printf("%d\n", ping(9, 1));
	printf("%d\n", ping(0, 0));
	printf("%d\n", ping(1, 1));
	printf("%d\n", calls_seen_by_pong());
	return 0;
}
