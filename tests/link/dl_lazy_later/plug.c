int late(int, double, const char *, long long);
int use(int x) { return late(x, 2.5, "text", 1LL << 33); }
