int nowhere(int);
int (*pointer)(int) = nowhere;
int fine(int x) { return 2 * x; }
