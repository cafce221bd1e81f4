int late(int x) { return 5 * x; }
