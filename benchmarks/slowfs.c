/* A folder that answers as late as a network file system: a delay before each call that asks about a file below it.
 *
 *     cc -O2 -shared -fPIC -o slowfs.so slowfs.c -ldl
 *     SLOW_US=500 SLOW_UNDER=/absolute/folder LD_PRELOAD=$PWD/slowfs.so program ...
 *
 * What is delayed: opening files and folders, stat in all its forms, access, readlink. What is not: reading, which a
 * network file system does ahead, and calls on open files. Only absolute paths, and such as begin at an open folder.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long microseconds;
static const char *under;

__attribute__((constructor)) static void begin(void) {
    const char *delay = getenv("SLOW_US");
    microseconds = delay ? atol(delay) : 0;
    under = getenv("SLOW_UNDER");
}

static int is_below(const char *path) {
    size_t length = strlen(under);
    return strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Wait, if the path is below the folder; `folder` is the open one that a relative path begins at. */
static void wait_for(int folder, const char *path) {
    char link[64], base[PATH_MAX];
    if (!microseconds || !under || !path)
        return;
    if (path[0] != '/') {
        if (folder == AT_FDCWD)
            return;
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t (*ask)(const char *, char *, size_t) = dlsym(RTLD_NEXT, "readlink");
        ssize_t length = ask(link, base, sizeof base - 1);
        if (length < 0)
            return;
        base[length] = 0;
        path = base;
    }
    if (is_below(path)) {
        struct timespec delay = {microseconds / 1000000, microseconds % 1000000 * 1000};
        nanosleep(&delay, NULL);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define SLOW_STAT(name, type) \
    int name(const char *path, struct type *result) { \
        wait_for(AT_FDCWD, path); \
        return REAL(name)(path, result); \
    }
#define SLOW_FSTATAT(name, type) \
    int name(int folder, const char *path, struct type *result, int flags) { \
        wait_for(folder, path); \
        return REAL(name)(folder, path, result, flags); \
    }
#define SLOW_OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        wait_for(AT_FDCWD, path); \
        return REAL(name)(path, flags, mode); \
    }
#define SLOW_OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        wait_for(folder, path); \
        return REAL(name)(folder, path, flags, mode); \
    }

SLOW_STAT(stat, stat)
SLOW_STAT(lstat, stat)
SLOW_STAT(stat64, stat64)
SLOW_STAT(lstat64, stat64)
SLOW_FSTATAT(fstatat, stat)
SLOW_FSTATAT(fstatat64, stat64)
SLOW_OPEN(open)
SLOW_OPEN(open64)
SLOW_OPENAT(openat)
SLOW_OPENAT(openat64)

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *result) {
    wait_for(folder, path);
    return REAL(statx)(folder, path, flags, mask, result);
}

DIR *opendir(const char *path) {
    wait_for(AT_FDCWD, path);
    return REAL(opendir)(path);
}

int access(const char *path, int mode) {
    wait_for(AT_FDCWD, path);
    return REAL(access)(path, mode);
}

int faccessat(int folder, const char *path, int mode, int flags) {
    wait_for(folder, path);
    return REAL(faccessat)(folder, path, mode, flags);
}

ssize_t readlink(const char *path, char *target, size_t size) {
    wait_for(AT_FDCWD, path);
    return REAL(readlink)(path, target, size);
}
