/* libbase.so */
void note(const char *what);
