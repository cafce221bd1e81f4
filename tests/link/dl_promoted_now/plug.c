int late(int);
int use(int x) { return late(x); }
