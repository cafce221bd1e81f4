/* A library with a variable of each thread's own. */

static _Thread_local int own = 42;
_Thread_local int shared_by_name = 7;

int *own_address(void) { return &own; }
int *address_of_named(void) { return &shared_by_name; }
