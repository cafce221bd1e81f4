int number = N;
int get(int x) { return number + x; }
