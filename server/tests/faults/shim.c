/* Stands between the real server binary and the system (LD_PRELOAD): dies, fills the disk, moves the clock and records.
 *
 * Compiled and loaded by `shim.rs`, which describes the control file. Nothing that outlives a process changes between two
 * of its system calls, so dying at each of those that reach a disk or a peer is dying at every boundary there is, and the
 * server needs no hook for it. Only what lies below MEANWHILE_SHIM_DATA counts: the data folder and what is in it.
 * Invariant: with an untouched control file the server behaves as without this library. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NONE, WAL, DATABASE, OTHER, FOLDER };
/* Where it can die; the numbers are those of `Boundary` in shim.rs. */
enum { WRITE_WAL = 1, SYNC_WAL, WRITE_DATABASE, SYNC_DATABASE, SYNC_OTHER, RENAME, SEND };
enum { BEFORE, AFTER, HALFWAY };
/* Kinds of record; the numbers are those of `disk.rs`. */
enum { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, MOVE, UNLINK, MKDIR };

struct control {
  _Atomic int64_t clock_ms;  /* added to the wall clock */
  _Atomic int64_t disk_full; /* writes below the data folder fail with ENOSPC */
  _Atomic int64_t boundary;  /* 0: never dies */
  _Atomic int64_t when;
  _Atomic int64_t countdown; /* dies at the boundary that brings it to 0 */
  char text[64];             /* counts only writes with this in them, and syncs after one of those */
};

struct record {
  uint32_t kind, path_bytes, data_bytes, thread;
  uint64_t inode, offset;
};

static struct control quiet;
static struct control *control = &quiet;
static const char *data;
static size_t data_bytes;
static int log_fd = -1;
static atomic_uchar classes[1 << 16];
static atomic_int text_seen;

__attribute__((constructor)) static void begin(void) {
  data = getenv("MEANWHILE_SHIM_DATA");
  data_bytes = data ? strlen(data) : 0;
  const char *path = getenv("MEANWHILE_SHIM_CONTROL");
  if (path) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) abort();
    control = mapped;
  }
  path = getenv("MEANWHILE_SHIM_LOG");
  if (path && (log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) abort();
}

static int below(const char *path) {
  return data_bytes && !strncmp(path, data, data_bytes) && (!path[data_bytes] || path[data_bytes] == '/');
}

static int ends(const char *path, const char *end) {
  size_t a = strlen(path), b = strlen(end);
  return a >= b && !strcmp(path + a - b, end);
}

static int class_of(int fd) { return fd >= 0 && fd < 1 << 16 ? classes[fd] : NONE; }

static uint64_t inode_of(int fd) {
  struct stat found;
  return fstat(fd, &found) ? 0 : found.st_ino;
}

/* One write to a file opened with O_APPEND, so that records of threads and of the test follow one another. */
static void note(int kind, uint64_t inode, uint64_t offset, const char *path, const char *to, const void *bytes, size_t n) {
  if (log_fd < 0) return;
  size_t first = path ? strlen(path) : 0, second = to ? strlen(to) + 1 : 0;
  struct record record = {kind, first + second, n, syscall(SYS_gettid), inode, offset};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)path, first}, {"\n", second ? 1 : 0},
                          {(void *)to, second ? second - 1 : 0}, {(void *)bytes, n}};
  if (syscall(SYS_writev, log_fd, parts, 5) != (long)(sizeof record + first + second + n)) abort();
}

static void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) pause();
}

/* Whether this is the boundary to die at. */
static int is_due(int boundary, int when) {
  if (control->boundary != boundary || control->when != when) return 0;
  if (control->text[0] && !text_seen) return 0;
  return atomic_fetch_sub(&control->countdown, 1) == 1;
}

static ssize_t put(int fd, const void *bytes, size_t n, int64_t offset) {
  int class = class_of(fd);
  if (class == NONE) return offset < 0 ? syscall(SYS_write, fd, bytes, n) : syscall(SYS_pwrite64, fd, bytes, n, offset);
  if (control->disk_full) { errno = ENOSPC; return -1; }
  if (control->text[0] && memmem(bytes, n, control->text, strnlen(control->text, sizeof control->text))) text_seen = 1;
  int boundary = class == WAL ? WRITE_WAL : class == DATABASE ? WRITE_DATABASE : 0;
  if (boundary && is_due(boundary, BEFORE)) die();
  int64_t at = offset < 0 ? syscall(SYS_lseek, fd, 0, SEEK_CUR) : offset;
  if (boundary && is_due(boundary, HALFWAY)) {
    syscall(SYS_pwrite64, fd, bytes, n / 2, at);
    die();
  }
  ssize_t done = offset < 0 ? syscall(SYS_write, fd, bytes, n) : syscall(SYS_pwrite64, fd, bytes, n, offset);
  if (done > 0) note(WRITE, inode_of(fd), at, NULL, NULL, bytes, done);
  if (boundary && is_due(boundary, AFTER)) die();
  return done;
}

ssize_t write(int fd, const void *bytes, size_t n) { return put(fd, bytes, n, -1); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset) { return put(fd, bytes, n, offset); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) { return put(fd, bytes, n, offset); }

/* Of the files only the rare ones are written so; they are cut into single writes. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (class_of(fd) != NONE) return count ? put(fd, parts[0].iov_base, parts[0].iov_len, -1) : 0;
  if (is_due(SEND, BEFORE)) die();
  ssize_t done = syscall(SYS_writev, fd, parts, count);
  if (is_due(SEND, AFTER)) die();
  return done;
}

ssize_t send(int fd, const void *bytes, size_t n, int flags) {
  if (is_due(SEND, BEFORE)) die();
  ssize_t done = syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
  if (is_due(SEND, AFTER)) die();
  return done;
}

static int sync_as(int fd, long call) {
  int class = class_of(fd);
  if (class == NONE) return syscall(call, fd);
  int boundary = class == WAL ? SYNC_WAL : class == DATABASE ? SYNC_DATABASE : SYNC_OTHER;
  if (is_due(boundary, BEFORE)) die();
  uint64_t inode = inode_of(fd);
  note(SYNC_BEGIN, inode, 0, NULL, NULL, NULL, 0);
  int failed = syscall(call, fd);
  if (!failed) note(SYNC_END, inode, 0, NULL, NULL, NULL, 0);
  if (is_due(boundary, AFTER)) die();
  return failed;
}

int fsync(int fd) { return sync_as(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_as(fd, SYS_fdatasync); }

static int open_as(const char *path, int flags, mode_t mode) {
  if (!below(path)) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  int fresh = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
  int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (fd < 0 || fd >= 1 << 16) return fd;
  struct stat found;
  int folder = !fstat(fd, &found) && S_ISDIR(found.st_mode);
  /* Shared memory is no promise to anybody: it is made anew after a crash. */
  classes[fd] = folder ? FOLDER : ends(path, "-shm") ? NONE : ends(path, "-wal") ? WAL : ends(path, ".db") ? DATABASE : OTHER;
  if (classes[fd] == NONE) return fd;
  if (fresh) note(CREATE, found.st_ino, 0, path, NULL, NULL, 0);
  else if (flags & O_TRUNC) note(TRUNCATE, found.st_ino, 0, NULL, NULL, NULL, 0);
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as(path, flags, mode);
}

int close(int fd) {
  if (fd >= 0 && fd < 1 << 16) classes[fd] = NONE;
  return syscall(SYS_close, fd);
}

static int cut(int fd, int64_t length) {
  if (class_of(fd) != NONE && control->disk_full) { errno = ENOSPC; return -1; }
  int failed = syscall(SYS_ftruncate, fd, length);
  if (!failed && class_of(fd) != NONE) note(TRUNCATE, inode_of(fd), length, NULL, NULL, NULL, 0);
  return failed;
}

int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
int ftruncate(int fd, off_t length) { return cut(fd, length); }

int rename(const char *from, const char *to) {
  int counts = below(from);
  if (counts && is_due(RENAME, BEFORE)) die();
  int failed = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (counts && !failed) note(MOVE, 0, 0, from, to, NULL, 0);
  if (counts && is_due(RENAME, AFTER)) die();
  return failed;
}

int unlink(const char *path) {
  int failed = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (!failed && below(path)) note(UNLINK, 0, 0, path, NULL, NULL, 0);
  return failed;
}

int mkdir(const char *path, mode_t mode) {
  int failed = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  struct stat found;
  if (!failed && below(path) && !stat(path, &found)) note(MKDIR, found.st_ino, 0, path, NULL, NULL, 0);
  return failed;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && clock == CLOCK_REALTIME) {
    int64_t ms = control->clock_ms;
    now->tv_sec += ms / 1000;
  }
  return failed;
}
