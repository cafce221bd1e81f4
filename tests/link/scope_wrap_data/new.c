int table[4] = { 10, 20, 30, 40 };
const char *motto = "new";
