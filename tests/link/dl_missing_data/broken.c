extern int nowhere;
int broken(int x) { return x ? nowhere : -1; }
