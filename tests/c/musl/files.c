/* What can be done with files, in the directory that is the argument. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(const char *what, long value)
{
	printf("%s: %ld%s%s\n", what, value, value < 0 ? " " : "", value < 0 ? strerror(errno) : "");
}

static void streams(void)
{
	char line[64];
	FILE *file = fopen("text", "w");
	for (int i = 0; i < 2000; i++)
		fprintf(file, "line %d\n", i);
	say("wrote", ftell(file));
	fclose(file);
	file = fopen("text", "r+");
	say("seek", fseek(file, -10, SEEK_END));
	printf("%s", fgets(line, sizeof line, file));
	printf("%s", fgets(line, sizeof line, file));
	say("end", fgets(line, sizeof line, file) != NULL);
	rewind(file);
	fputs("LINE", file);
	rewind(file);
	printf("%s", fgets(line, sizeof line, file));
	fclose(file);
	file = fopen("text", "a");
	fputs("appended\n", file);
	say("appended at", ftell(file));
	fclose(file);
}

static void descriptors(void)
{
	char bytes[16] = { 0 };
	struct stat found;
	int fd = open("numbers", O_RDWR | O_CREAT | O_EXCL, 0640);
	say("again", open("numbers", O_RDWR | O_CREAT | O_EXCL, 0640));
	struct iovec parts[] = { { "0123", 4 }, { "", 0 }, { "456789", 6 } };
	say("writev", writev(fd, parts, 3));
	say("pread", pread(fd, bytes, 4, 3));
	printf("%s\n", bytes);
	say("pwrite", pwrite(fd, "xy", 2, 20));
	say("position", lseek(fd, 0, SEEK_CUR));
	int other = dup(fd);
	say("moved", lseek(fd, 5, SEEK_SET));
	say("by dup", lseek(other, 0, SEEK_CUR));
	say("truncate", ftruncate(fd, 12));
	say("stat", fstat(fd, &found));
	printf("%lld bytes, mode %o\n", (long long)found.st_size, found.st_mode & 0777);
	say("flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
	say("close", close(fd));
	say("closed", close(fd));
	say("read only", write(open("numbers", O_RDONLY), "x", 1));
	char *mapped = mmap(NULL, 5000, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0);
	printf("%.10s %d\n", mapped, mapped[4000]);
	mapped[0] = 'X';
	say("unmapped", munmap(mapped, 5000));
	say("unchanged", pread(other, bytes, 1, 0) == 1 && bytes[0] == '0');
	close(other);
}

static void names(void)
{
	struct stat found;
	say("mkdir", mkdir("sub", 0755));
	say("mkdir again", mkdir("sub", 0755));
	say("rename", rename("numbers", "sub/moved"));
	say("gone", access("numbers", F_OK));
	say("there", access("sub/moved", R_OK | W_OK));
	say("not empty", rmdir("sub"));
	say("symlink", symlink("sub/moved", "link"));
	char target[32] = { 0 };
	say("readlink", readlink("link", target, sizeof target));
	say("through it", stat("link", &found) || found.st_size != 12);
	say("is a link", lstat("link", &found) || !S_ISLNK(found.st_mode));
	say("chdir", chdir("sub"));
	say("up", access("../text", F_OK));
	say("here", access("moved", F_OK));
	say("back", chdir(".."));
	say("not a directory", chdir("text"));
	say("unlink", unlink("sub/moved"));
	say("dangling", open("link", O_RDONLY));
	say("remove", remove("sub"));
	say("remove", remove("link"));
	say("remove", remove("text"));
	say("nothing", open("text", O_RDONLY));
	say("a directory", open(".", O_WRONLY));
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]))
		return 1;
	umask(022);
	streams();
	descriptors();
	names();
	return 0;
}
