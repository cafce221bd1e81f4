/* SQLite with what it leaves out where it takes a system for WASI: extensions. The
   headers, which have to know the system, are included before. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#undef __wasi__
#define SQLITE_WASI 1
#include "sqlite3.c"
