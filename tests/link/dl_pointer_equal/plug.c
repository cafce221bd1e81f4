#include <stdlib.h>
typedef int function(int);
int linked(int), of_main(int);
int of_plug(int x) { return x + 2; }
function *const plug_pointers[] = { linked, of_main, of_plug, abs };
