int secret(int);
int (*pointer)(int) = secret;
int plug(int x) { return pointer(x); }
