/* Sizes that leave no gap between them. */
int numbers[4] = { 1, 2, 3, 4 };
int more[4] = { 5, 6, 7, 8 };
