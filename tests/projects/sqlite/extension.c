#include <stddef.h>

#include "sqlite3ext.h"
SQLITE_EXTENSION_INIT1

static void half(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_double(context, sqlite3_value_double(values[0]) / 2);
}

int sqlite3_half_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	(void)error;
	SQLITE_EXTENSION_INIT2(api);
	return sqlite3_create_function(db, "half", 1, SQLITE_UTF8, NULL, half, NULL, NULL);
}
