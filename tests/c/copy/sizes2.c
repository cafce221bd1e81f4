/* Second version: the array has grown. */
int numbers[8] = {10, 20, 30, 40, 50, 60, 70, 80};
int sum(void) { return numbers[0] + numbers[1] + numbers[2] + numbers[3]; }
