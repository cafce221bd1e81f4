int present(int);
int good(int x) { return present(x); }
