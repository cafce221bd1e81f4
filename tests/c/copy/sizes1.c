/* First version of a library. */
int numbers[4] = {1, 2, 3, 4};
int sum(void) { return numbers[0] + numbers[1] + numbers[2] + numbers[3]; }
