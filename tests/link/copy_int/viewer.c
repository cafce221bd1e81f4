extern int number;
extern char letter;
int *viewer_number(void) { return &number; }
int viewer_letter(void) { return letter; }
