/* A library whose data are its own, whatever the program defines. */
__attribute__((visibility("hidden"))) int numbers[4] = {1, 2, 3, 4};
int sum(void) { return numbers[0] + numbers[1] + numbers[2] + numbers[3]; }
