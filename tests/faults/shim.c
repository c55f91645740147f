/* Lets the N-th file operation of a process go wrong. Preloaded; told by environment variables what to do.

   FAULT_BELOW      directories, with ':' between them; only operations on paths below one of them count
   FAULT_NAME       only those whose whole path fits this pattern (of fnmatch; '*' matches '/' too); default all
   FAULT_OPERATIONS kinds that count: open (for writing), write, fsync, rename, truncate, mkdir, unlink, read
   FAULT_ROLE       parent (the first process that has this library), children (those it begins), or all
   FAULT_ACTION     fail, short, kill-before, kill-after, freeze, swell; nothing: only count
   FAULT_AT         the operation, from 1, at which it happens
   FAULT_LASTING    1: at every operation from then on
   FAULT_ERRNO      what `fail` sets
   FAULT_COUNTS     file of four 64-bit numbers that outlives the process: operations, faults, looks at a clock
                    that is off, process id of the last fault
   FAULT_LOG        file that gets a line for each operation that counts
   FAULT_CLOCK_AFTER, FAULT_CLOCK_STEP  after so many operations the clock of the world is so many seconds off

   Which file a descriptor belongs to is asked of the system at each operation, so no table of ours can be wrong.
   Not seen: writes of stdio (fwrite), and what is done to a file that is mapped into memory. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, FSYNC = 4, RENAME = 8, TRUNCATE = 16, MKDIR = 32, UNLINK = 64, READ = 128 };
static const char *const NAMES[] = {"open", "write", "fsync", "rename", "truncate", "mkdir", "unlink", "read"};
enum action { COUNT, FAIL, SHORT, KILL_BEFORE, KILL_AFTER, FREEZE, SWELL };
static const char *const ACTIONS[] = {"count", "fail", "short", "kill-before", "kill-after", "freeze", "swell"};

struct counts {
    _Atomic int64_t operations, faults, looks, process;
};

static struct counts private_counts, *counts = &private_counts;
static const char *below, *pattern, *log_path;
static int armed, kinds, lasting, error_number;
static enum action action;
static int64_t at, clock_after = INT64_MAX, clock_step;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static int64_t number(const char *name, int64_t otherwise) {
    const char *value = getenv(name);
    return value ? strtoll(value, NULL, 10) : otherwise;
}

/* Called again by a process that is forked, and told only then what to do: see begin.py. */
__attribute__((constructor)) void begin_faults(void) {
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *role = getenv("FAULT_ROLE"), *wanted = getenv("FAULT_OPERATIONS"), *told = getenv("FAULT_ACTION");
    if (!role) return;
    char self[32];
    snprintf(self, sizeof self, "%d", (int)getpid());
    const char *parent = getenv("FAULT_PARENT");  /* children inherit what the first process sets here */
    int first = !parent || !strcmp(parent, self);
    if (first) setenv("FAULT_PARENT", self, 1);
    if (strcmp(role, "all") && first != !strcmp(role, "parent")) return;
    const char *file = getenv("FAULT_COUNTS");
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        void *page = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) counts = page;
        syscall(SYS_close, fd);
    }
    below = getenv("FAULT_BELOW");
    pattern = getenv("FAULT_NAME");
    log_path = getenv("FAULT_LOG");
    for (int kind = 0; wanted && kind < 8; kind++)
        if (strstr(wanted, NAMES[kind])) kinds |= 1 << kind;
    for (int which = 0; told && which <= SWELL; which++)
        if (!strcmp(told, ACTIONS[which])) action = which;
    at = number("FAULT_AT", 0);
    lasting = (int)number("FAULT_LASTING", 0);
    error_number = (int)number("FAULT_ERRNO", EIO);
    clock_step = number("FAULT_CLOCK_STEP", 0);
    clock_after = number("FAULT_CLOCK_AFTER", INT64_MAX);
    armed = below != NULL;
}

/* Paths */

static int is_below(const char *path) {
    for (const char *folder = below; folder; folder = strchr(folder, ':') ? strchr(folder, ':') + 1 : NULL) {
        size_t size = strcspn(folder, ":");
        if (size && !strncmp(path, folder, size) && (path[size] == '/' || !path[size])) return 1;
    }
    return 0;
}

static const char *link_target(const char *link, char *buffer) {
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, buffer, PATH_MAX - 1);
    if (size < 0) return NULL;
    buffer[size] = 0;
    return buffer;
}

static const char *of_descriptor(int fd, char *buffer) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return link_target(link, buffer);
}

static const char *whole(int folder, const char *path, char *buffer) {
    if (!path || path[0] == '/') return path;
    const char *start = folder == AT_FDCWD ? link_target("/proc/self/cwd", buffer) : of_descriptor(folder, buffer);
    if (!start) return NULL;
    size_t size = strlen(buffer);
    snprintf(buffer + size, PATH_MAX - size, "/%s", path);
    return buffer;
}

/* What happens */

static void stop_here(int with) {
    syscall(SYS_kill, getpid(), with);
    if (with == SIGKILL)
        for (;;) pause();
}

/* Takes all the memory that the limits of this process leave it, without touching any. */
static void swell(void) {
    for (size_t size = 64 << 20, taken = 0; size >= 64 << 10 && taken < (size_t)8 << 30;) {
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) size /= 2;
        else taken += size;
    }
}

/* The action that is due at this operation, COUNT for none; kills and freezes before it come to pass here. */
static enum action due(int kind, const char *path) {
    if (!armed || !(kinds & kind) || !path || !is_below(path)) return COUNT;
    if (pattern && fnmatch(pattern, path, 0)) return COUNT;
    int64_t turn = atomic_fetch_add(&counts->operations, 1) + 1;
    if (log_path) {
        char line[PATH_MAX + 64];
        int size = snprintf(line, sizeof line, "%lld %d %s %s\n", (long long)turn, (int)getpid(),
                            NAMES[__builtin_ctz(kind)], path);
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        syscall(SYS_write, fd, line, size);
        syscall(SYS_close, fd);
    }
    if (action == COUNT || turn < at || (turn > at && !lasting)) return COUNT;
    atomic_fetch_add(&counts->faults, 1);
    counts->process = getpid();
    if (action == KILL_BEFORE) stop_here(SIGKILL);
    if (action == FREEZE) stop_here(SIGSTOP);
    if (action == SWELL) swell();
    if (action == FAIL) errno = error_number;
    return action;
}

static long after(enum action done, long result) {
    if (done == KILL_AFTER) stop_here(SIGKILL);
    return result;
}

#define GUARDED(kind, path, call)                              \
    do {                                                       \
        int kept_errno = errno;                                \
        enum action now = due(kind, path);                     \
        if (now == FAIL) return -1;                            \
        errno = kept_errno;                                    \
        return after(now, (call));                             \
    } while (0)

static size_t cut(enum action now, size_t size) { return now == SHORT && size > 1 ? size / 2 : size; }

#define GUARDED_BYTES(kind, fd, size, call)                    \
    do {                                                       \
        char buffer[PATH_MAX];                                 \
        int kept_errno = errno;                                \
        enum action now = armed && (kinds & (kind)) ? due(kind, of_descriptor(fd, buffer)) : COUNT; \
        if (now == FAIL) return -1;                            \
        errno = kept_errno;                                    \
        size = cut(now, size);                                 \
        return after(now, (call));                             \
    } while (0)

/* Opening */

static int open_at(int folder, const char *path, int flags, int mode) {
    char buffer[PATH_MAX];
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    const char *full = armed && writes ? whole(folder, path, buffer) : NULL;
    GUARDED(OPEN, full, syscall(SYS_openat, folder, path, flags, mode));
}

#define MODE(flags)                                            \
    int mode = 0;                                              \
    if (flags & (O_CREAT | O_TMPFILE)) {                       \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode = va_arg(rest, int);                              \
        va_end(rest);                                          \
    }

int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return open_at(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return open_at(folder, path, flags, 0); }

/* Writing and reading */

ssize_t write(int fd, const void *data, size_t size) {
    GUARDED_BYTES(WRITE, fd, size, syscall(SYS_write, fd, data, size));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t to) {
    GUARDED_BYTES(WRITE, fd, size, syscall(SYS_pwrite64, fd, data, size, to));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t to) { return pwrite(fd, data, size, to); }

ssize_t read(int fd, void *data, size_t size) {
    GUARDED_BYTES(READ, fd, size, syscall(SYS_read, fd, data, size));
}
ssize_t pread(int fd, void *data, size_t size, off_t from) {
    GUARDED_BYTES(READ, fd, size, syscall(SYS_pread64, fd, data, size, from));
}
ssize_t pread64(int fd, void *data, size_t size, off64_t from) { return pread(fd, data, size, from); }
ssize_t __read_chk(int fd, void *data, size_t size, size_t room) { (void)room; return read(fd, data, size); }
ssize_t __pread_chk(int fd, void *data, size_t size, off_t from, size_t room) {
    (void)room;
    return pread(fd, data, size, from);
}
ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t from, size_t room) {
    (void)room;
    return pread(fd, data, size, from);
}

/* Of several pieces a short operation does the first one, or half of it if there is no other. */
#define PIECES(kind, call)                       \
    do {                                                       \
        char buffer[PATH_MAX];                                 \
        enum action now = armed && (kinds & (kind)) ? due(kind, of_descriptor(fd, buffer)) : COUNT; \
        if (now == FAIL) return -1;                            \
        if (now == SHORT && count == 1) {                      \
            struct iovec half = {pieces->iov_base, cut(now, pieces->iov_len)}; \
            const struct iovec *pieces = &half;                \
            return (call);                                     \
        }                                                      \
        if (now == SHORT) count = 1;                           \
        return after(now, (call));                             \
    } while (0)

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    PIECES(WRITE, syscall(SYS_writev, fd, pieces, count));
}
ssize_t readv(int fd, const struct iovec *pieces, int count) {
    PIECES(READ, syscall(SYS_readv, fd, pieces, count));
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t to) {
    PIECES(WRITE, syscall(SYS_pwritev, fd, pieces, count, to, 0));
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t to) { return pwritev(fd, pieces, count, to); }
ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t from) {
    PIECES(READ, syscall(SYS_preadv, fd, pieces, count, from, 0));
}
ssize_t preadv64(int fd, const struct iovec *pieces, int count, off64_t from) {
    return preadv(fd, pieces, count, from);
}
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *place, size_t size, unsigned flags) {
    GUARDED_BYTES(WRITE, to, size, syscall(SYS_copy_file_range, from, start, to, place, size, flags));
}
ssize_t sendfile(int to, int from, off_t *start, size_t size) {
    GUARDED_BYTES(WRITE, to, size, syscall(SYS_sendfile, to, from, start, size));
}
ssize_t sendfile64(int to, int from, off64_t *start, size_t size) { return sendfile(to, from, start, size); }

/* What makes bytes and names last */

#define GUARDED_FILE(kind, call)                               \
    do {                                                       \
        char buffer[PATH_MAX];                                 \
        GUARDED(kind, armed ? of_descriptor(fd, buffer) : NULL, call); \
    } while (0)

int fsync(int fd) { GUARDED_FILE(FSYNC, syscall(SYS_fsync, fd)); }
int fdatasync(int fd) { GUARDED_FILE(FSYNC, syscall(SYS_fdatasync, fd)); }
int ftruncate(int fd, off_t size) { GUARDED_FILE(TRUNCATE, syscall(SYS_ftruncate, fd, size)); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
int fallocate(int fd, int how, off_t from, off_t size) {
    GUARDED_FILE(TRUNCATE, syscall(SYS_fallocate, fd, how, from, size));
}
int fallocate64(int fd, int how, off64_t from, off64_t size) { return fallocate(fd, how, from, size); }
int posix_fallocate(int fd, off_t from, off_t size) { return fallocate(fd, 0, from, size) ? errno : 0; }
int posix_fallocate64(int fd, off64_t from, off64_t size) { return posix_fallocate(fd, from, size); }

#define GUARDED_PATH(kind, folder, path, call)                 \
    do {                                                       \
        char buffer[PATH_MAX];                                 \
        GUARDED(kind, armed ? whole(folder, path, buffer) : NULL, call); \
    } while (0)

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    GUARDED_PATH(RENAME, to, new, syscall(SYS_renameat2, from, old, to, new, flags));
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int flags) {
    GUARDED_PATH(RENAME, to, new, syscall(SYS_linkat, from, old, to, new, flags));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }
int truncate(const char *path, off_t size) { GUARDED_PATH(TRUNCATE, AT_FDCWD, path, syscall(SYS_truncate, path, size)); }
int truncate64(const char *path, off64_t size) { return truncate(path, size); }
int mkdirat(int folder, const char *path, mode_t mode) {
    GUARDED_PATH(MKDIR, folder, path, syscall(SYS_mkdirat, folder, path, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int unlinkat(int folder, const char *path, int flags) {
    GUARDED_PATH(UNLINK, folder, path, syscall(SYS_unlinkat, folder, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int kept_errno = errno;
    if (!unlinkat(AT_FDCWD, path, 0)) return 0;
    if (errno != EISDIR) return -1;
    errno = kept_errno;
    return rmdir(path);
}

/* The clock of the world; the one that only counts up is left alone, as by those who set clocks. */

static int64_t step(void) {
    if (counts->operations < clock_after) return 0;
    atomic_fetch_add(&counts->looks, 1);
    return clock_step;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = real_clock_gettime ? real_clock_gettime(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += step();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
