// What Rust's standard library for glibc and the C library that the loader is linked with
// have to agree in. Compiled with the headers of each.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define AT(type, member) offsetof(type, member)

const long sizes[] = {
	sizeof(struct stat), sizeof(struct statvfs), sizeof(struct dirent), sizeof(struct timespec),
	sizeof(struct timeval), sizeof(struct itimerspec), sizeof(struct pollfd), sizeof(struct iovec),
	sizeof(struct winsize), sizeof(struct termios), sizeof(struct utsname), sizeof(struct rlimit),
	sizeof(struct flock), sizeof(struct sigaction), sizeof(struct sigevent), sizeof(siginfo_t),
	sizeof(stack_t), sizeof(sigset_t), sizeof(cpu_set_t), sizeof(pthread_t), sizeof(pthread_attr_t),
	sizeof(pthread_key_t), sizeof(mcontext_t), sizeof(struct msghdr), sizeof(struct cmsghdr),
	sizeof(struct sockaddr_storage), sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6),
	sizeof(struct sockaddr_un), sizeof(struct addrinfo), sizeof(struct passwd), sizeof(struct ucred),
	sizeof(socklen_t), sizeof(clockid_t), sizeof(timer_t), sizeof(struct in6_addr),
};

const long offsets[] = {
	AT(struct stat, st_mode), AT(struct stat, st_size), AT(struct stat, st_mtim), AT(struct stat, st_blocks),
	AT(struct statvfs, f_flag), AT(struct dirent, d_name), AT(struct dirent, d_type),
	AT(struct sigaction, sa_sigaction), AT(struct sigaction, sa_mask), AT(struct sigaction, sa_flags),
	AT(siginfo_t, si_code), AT(siginfo_t, si_addr), AT(siginfo_t, si_pid), AT(siginfo_t, si_value),
	AT(struct sigevent, sigev_signo), AT(struct sigevent, sigev_notify), AT(stack_t, ss_flags), AT(stack_t, ss_size),
	AT(ucontext_t, uc_stack), AT(ucontext_t, uc_mcontext), AT(ucontext_t, uc_sigmask),
	AT(mcontext_t, gregs), AT(mcontext_t, fpregs), AT(struct rusage, ru_stime), AT(struct rusage, ru_minflt),
	AT(struct msghdr, msg_iov), AT(struct msghdr, msg_iovlen), AT(struct msghdr, msg_control),
	AT(struct msghdr, msg_controllen), AT(struct msghdr, msg_flags), AT(struct cmsghdr, cmsg_level),
	AT(struct addrinfo, ai_addr), AT(struct addrinfo, ai_canonname), AT(struct addrinfo, ai_next),
	AT(struct passwd, pw_dir), AT(struct termios, c_lflag), AT(struct termios, c_cc), AT(struct flock, l_len),
	AT(struct utsname, machine), AT(struct sockaddr_un, sun_path),
};

const long numbers[] = {
	_SC_PAGESIZE, _SC_NPROCESSORS_ONLN, _SC_NPROCESSORS_CONF, _SC_OPEN_MAX, _SC_GETPW_R_SIZE_MAX, _SC_HOST_NAME_MAX,
	SIG_BLOCK, SIG_SETMASK, SA_SIGINFO, SA_ONSTACK, SA_RESTART, SIGSEGV, SIGPIPE, SI_TKILL,
	O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE, O_DIRECT, O_APPEND, O_SYNC, O_DSYNC, AT_FDCWD,
	AT_EMPTY_PATH, F_DUPFD_CLOEXEC, F_SETLK, F_OFD_SETLK, MAP_NORESERVE, MAP_STACK, MADV_DONTDUMP, MS_SYNC,
	RLIMIT_STACK, RLIMIT_AS, RLIMIT_NOFILE, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME,
	TIOCGWINSZ, FIONREAD, TCSAFLUSH, POLLIN, POLLHUP, EAGAIN, ENOTSUP, ETIMEDOUT, EOVERFLOW, SOCK_CLOEXEC,
	SO_REUSEADDR, SO_RCVTIMEO, MSG_NOSIGNAL, MSG_PEEK, SHUT_WR, WNOHANG, PTHREAD_CREATE_DETACHED, AT_SECURE,
	AT_EXECFN, EAI_NONAME, EAI_SYSTEM, AF_UNIX, AF_INET6, IPV6_V6ONLY,
};
