int number = 5;
int store_number(void) { return number; }
