/* i386's stat64: 64-bit fields are aligned as 32-bit ones are. */

struct kstat {
	unsigned long long st_dev;
	unsigned int __dev_padding;
	unsigned int __ino_truncated;
	unsigned int st_mode;
	unsigned int st_nlink;
	unsigned int st_uid;
	unsigned int st_gid;
	unsigned long long st_rdev;
	unsigned int __rdev_padding;
	long long st_size;
	unsigned int st_blksize;
	unsigned long long st_blocks;
	int st_atime_sec;
	unsigned int st_atime_nsec;
	int st_mtime_sec;
	unsigned int st_mtime_nsec;
	int st_ctime_sec;
	unsigned int st_ctime_nsec;
	unsigned long long st_ino;
} __attribute__((__packed__, __aligned__(4)));
