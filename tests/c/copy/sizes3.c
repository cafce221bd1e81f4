/* Third version: the array is gone. */
int sum(void) { return 3; }
