int service(int);
int client(int x) { return 10 * service(x); }
