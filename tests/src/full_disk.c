/* A disk that is full: while the file that FULL_DISK_WHILE names is there, no file below .../base/ grows. Preloaded into a
 * server by tests; a file system that is really full would need rights that tests do not have. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int refused(int fd, off_t end) {
    const char *flag = getenv("FULL_DISK_WHILE");
    char link[64], path[4096];
    struct stat about;
    int saved = errno;
    int full = 0;
    if (flag != NULL && access(flag, F_OK) == 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            full = strstr(path, "/base/") != NULL && fstat(fd, &about) == 0 && end > about.st_size;
        }
    }
    errno = full ? ENOSPC : saved;
    return full;
}

static off_t length(const struct iovec *parts, int count) {
    off_t sum = 0;
    for (int i = 0; i < count; i++) sum += parts[i].iov_len;
    return sum;
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    return refused(fd, at + (off_t)size) ? -1 : REAL(pwrite, fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    return refused(fd, at + (off_t)size) ? -1 : REAL(pwrite64, fd, from, size, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return refused(fd, at + length(parts, count)) ? -1 : REAL(pwritev, fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return refused(fd, at + length(parts, count)) ? -1 : REAL(pwritev64, fd, parts, count, at);
}
int posix_fallocate(int fd, off_t at, off_t size) {
    return refused(fd, at + size) ? ENOSPC : REAL(posix_fallocate, fd, at, size);
}
int posix_fallocate64(int fd, off64_t at, off64_t size) {
    return refused(fd, at + size) ? ENOSPC : REAL(posix_fallocate64, fd, at, size);
}
