int work(int x) { return 100 * N + x; }
#ifdef MORE
int more(int x) { return 1000 * N + x; }
#endif
