int ping(int depth, long long sum);
extern int ping_calls;
int pong_calls;

int pong(int depth, long long sum)
{
	pong_calls++;
	return depth == 0 ? (int)sum + 1000 * ping_calls : ping(depth - 1, sum * 3);
}

int calls_seen_by_pong(void)
{
	return ping_calls;
}
