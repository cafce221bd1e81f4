int number = 42;
double fraction = 0.5;
char letter = 'x';
long long wide = 1LL << 40;

int store_number(void) { return number; }
void store_set(int to) { number = to; }
