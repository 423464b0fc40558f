// A disk that loses what was not synced: loaded before libc, it copies a file into POWERCUT_SHADOW when the process
// syncs it, and only then lets the sync return. What lies in that folder is what a power cut would have left; kill -9
// alone keeps the page cache and shows nothing of it. POWERCUT_SLOW microseconds before each sync keep the gap between
// a write and its sync open for the kill. Only files below POWERCUT_DIR count.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_ulong copies;

// The file's place in the shadow: its path below POWERCUT_DIR with '/' as '%'. 0 if it is none of ours.
static int place(const char *path, char *out, size_t size) {
    const char *dir = getenv("POWERCUT_DIR"), *shadow = getenv("POWERCUT_SHADOW");
    size_t length = dir ? strlen(dir) : 0;
    if (!length || !shadow || strncmp(path, dir, length) || path[length] != '/') return 0;
    int start = snprintf(out, size, "%s/", shadow);
    if (start < 0 || (size_t)(start + strlen(path + length + 1)) >= size) return 0;
    strcpy(out + start, path + length + 1);
    for (char *c = out + start; *c; c++) if (*c == '/') *c = '%';
    return 1;
}

static int copy(int from, const char *to) {
    char next[PATH_MAX], block[1 << 16];
    if (snprintf(next, sizeof next, "%s.%lu.part", to, atomic_fetch_add(&copies, 1)) >= (int)sizeof next) return -1;
    int out = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) return -1;
    off_t at = 0;
    for (ssize_t n; (n = pread(from, block, sizeof block, at)) != 0; at += n) {
        if (n < 0 || write(out, block, n) != n) { close(out); return -1; }
    }
    close(out);
    return rename(next, to);
}

static int synced(int fd) {
    char link[64], path[PATH_MAX], to[PATH_MAX];
    struct stat s;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    if (!place(path, to, sizeof to) || fstat(fd, &s) || !S_ISREG(s.st_mode)) return 0;
    const char *slow = getenv("POWERCUT_SLOW");
    if (slow) usleep(atoi(slow));
    // SQLite opens its files for reading and writing; a file that is only written is opened once more.
    int from = open(link, O_RDONLY | O_CLOEXEC);
    if (from < 0) return -1;
    int done = copy(from, to), why = errno;
    close(from);
    errno = why;
    return done;
}

int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    char old[PATH_MAX], new[PATH_MAX];
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "rename");
    int done = real(from, to);
    if (!done && place(from, old, sizeof old) && place(to, new, sizeof new)) real(old, new);
    return done;
}

// Names: a file system with a journal keeps their order, so an unlink or a rename is on the disk with the next sync of
// anything. Here it counts at once; what is asked of the house is the content.
int unlink(const char *path) {
    static int (*real)(const char *);
    char old[PATH_MAX];
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "unlink");
    int done = real(path);
    if (!done && place(path, old, sizeof old)) real(old);
    return done;
}
