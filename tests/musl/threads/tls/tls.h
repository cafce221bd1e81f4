/* What each library tells of its thread-local variables, as text: its own
   number, its count of calls in this thread, and whether the pointers among
   them lead to where they are to. */
#define TELLS(NAME) void NAME##_add(int), NAME##_tell(char *); int *NAME##_place(void)

TELLS(one);
TELLS(two);
TELLS(three);
