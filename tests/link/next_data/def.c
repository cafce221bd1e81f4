int value = N;
