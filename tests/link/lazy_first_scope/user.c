int work(int);
int user(int x) { return work(x); }
