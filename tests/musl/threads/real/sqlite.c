/* SQLite in four threads: each with a connection of its own to one database,
   all with one connection, and each with a database in memory. Argument: path
   of the database. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sqlite3.h"

enum { THREADS = 4, ROWS = 150 };

static sqlite3 *shared;
static const char *path;

static void check(sqlite3 *db, int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	printf("%s: %d %s\n", what, code, sqlite3_errmsg(db));
	exit(1);
}

/* Opens the file. Its lock is a directory: the host has no locks of files. */
static sqlite3 *open_file(void)
{
	sqlite3 *db;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix-dotfile");
	check(db, code, "open");
	sqlite3_busy_timeout(db, 60000);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	int code, tries = 0;
	/* Another connection may be writing. */
	while ((code = sqlite3_exec(db, sql, NULL, NULL, NULL)) == SQLITE_BUSY || code == SQLITE_LOCKED) {
		if (tries++ > 100000)
			break;
		usleep(100);
	}
	check(db, code, sql);
}

static int print_row(void *p, int columns, char **values, char **names)
{
	(void)p, (void)names;
	for (int i = 0; i < columns; i++)
		printf("%s%s", values[i] ? values[i] : "NULL", i + 1 < columns ? "|" : "\n");
	return 0;
}

static void show(sqlite3 *db, const char *sql)
{
	check(db, sqlite3_exec(db, sql, print_row, NULL, NULL), sql);
}

static void insert(sqlite3 *db, int me, const char *table, int rows)
{
	char sql[200];
	for (int i = 0; i < rows; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO %s VALUES(%d, %d, 'row %d of %d', %d.5)", table, me, i, i, me,
			me * 1000 + i);
		run(db, sql);
	}
}

static void *in_shared(void *p)
{
	insert(shared, (int)(long)p, "items", ROWS);
	return NULL;
}

static void *in_memory(void *p)
{
	sqlite3 *db;
	char *text;
	check(NULL, sqlite3_open(":memory:", &db), "open");
	run(db, "CREATE TABLE items(thread INT, number INT, title TEXT, price REAL)");
	run(db, "BEGIN");
	insert(db, (int)(long)p, "items", 2000);
	run(db, "COMMIT; CREATE INDEX titles ON items(title)");
	sqlite3_stmt *statement;
	check(db, sqlite3_prepare_v2(db,
		"SELECT count(*) || ' ' || sum(length(a.title)) || ' ' || total(b.price) FROM items a JOIN items b"
		" ON a.title = b.title WHERE a.number % 3 = 0", -1, &statement, NULL), "prepare");
	check(db, sqlite3_step(statement), "step");
	text = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return text;
}

static void *in_file(void *p)
{
	sqlite3 *db = open_file();
	for (int i = 0; i < 5; i++) {
		run(db, "BEGIN IMMEDIATE");
		insert(db, (int)(long)p, "items", ROWS / 5);
		run(db, i == 3 ? "ROLLBACK" : "COMMIT");
	}
	sqlite3_close(db);
	return NULL;
}

static void all(void *(*work)(void *))
{
	pthread_t threads[THREADS];
	void *result;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		if (result)
			printf("%d: %s\n", i, (char *)result);
		free(result);
	}
}

static const char schema[] = "CREATE TABLE items(thread INT, number INT, title TEXT, price REAL)";
static const char sums[] = "SELECT thread, count(*), count(DISTINCT title), total(price) FROM items GROUP BY thread";

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	path = argv[1];
	printf("threadsafe %d\n", sqlite3_threadsafe());
	check(NULL, sqlite3_open_v2(":memory:", &shared,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL), "open");
	run(shared, schema);
	all(in_shared);
	show(shared, sums);
	sqlite3_close(shared);

	all(in_memory);

	shared = open_file();
	run(shared, "PRAGMA synchronous = OFF");
	run(shared, schema);
	all(in_file);
	show(shared, sums);
	show(shared, "PRAGMA integrity_check");
	sqlite3_close(shared);
	return 0;
}
