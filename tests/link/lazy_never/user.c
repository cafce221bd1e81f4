int nobody(int);
int user(int x) { return x < 0 ? nobody(x) : x + 1; }
