int late(int, double);
int user(int x) { return late(x, 0.5) + 1; }
