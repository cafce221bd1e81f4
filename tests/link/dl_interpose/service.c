int service(int x) { return 1 + x; }
int service_level = 1;
