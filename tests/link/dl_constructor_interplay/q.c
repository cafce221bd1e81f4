void note(int);
__attribute__((constructor)) static void start(void) { note(10); }
__attribute__((destructor)) static void finish(void) { note(12); }
int q(int x) { note(11); return x; }
