/* Lists a directory, by readdir and stat, and says of other paths why not. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static const char *kind(mode_t mode)
{
	return S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : S_ISREG(mode) ? "file" : "other";
}

static int list(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, by_name);
	if (count < 0) {
		printf("%s\n", strerror(errno));
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char full[4096];
		struct stat found, followed;
		snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
		/* What lies above is another one's business. */
		if (!strcmp(entries[i]->d_name, "..") || lstat(full, &found))
			continue;
		printf("%s %s %o", entries[i]->d_name, kind(found.st_mode), found.st_mode & 0777);
		if (S_ISREG(found.st_mode))
			printf(" %lld %lld", (long long)found.st_size, (long long)found.st_mtime);
		if (entries[i]->d_type != DT_UNKNOWN && DTTOIF(entries[i]->d_type) != (found.st_mode & S_IFMT))
			printf(" of another type");
		printf(" %s\n", stat(full, &followed) ? strerror(errno) : kind(followed.st_mode));
		free(entries[i]);
	}
	free(entries);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++)
		failed += list(argv[i]);
	return failed;
}
