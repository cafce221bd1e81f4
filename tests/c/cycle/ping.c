int pong(int depth, long long sum);
extern int pong_calls;
int ping_calls;

int ping(int depth, long long sum)
{
	ping_calls++;
	return depth == 0 ? (int)sum + 1000 * pong_calls : pong(depth - 1, sum * 2);
}
