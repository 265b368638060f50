"""A disk that fails on demand: a preloaded library makes the n-th operation of a kind below a path fail.

Needs a C compiler and Linux's /proc. A process that was started with `preloaded()` in its environment calls `arm`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path

OPERATIONS = ("write", "fsync", "rename", "open", "truncate", "unlink")
FAULTS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS, "short": 0}
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char prefix[4096];
static int armed = -1, fault;
static long first, count, seen;

void fault_arm(const char *path, int operation, long n, long times, int number) {
    strncpy(prefix, path, sizeof prefix - 1);
    armed = operation; first = n; count = times; fault = number; seen = 0;
}
long fault_seen(void) { return seen; }

static int below(const char *path) { return strncmp(path, prefix, strlen(prefix)) == 0; }
static int fails(int operation, const char *path) {
    if (armed != operation || !below(path)) return 0;
    seen++;
    return seen >= first && seen < first + count;
}
static int fd_fails(int operation, int fd) {
    char link[64], path[4096];
    if (armed != operation) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(operation, path);
}
#define NEXT(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    NEXT(write);
    if (!fd_fails(0, fd)) return real(fd, data, size);
    if (!fault) return real(fd, data, size / 2);
    errno = fault; return -1;
}
#define PWRITE(name, kind) ssize_t name(int fd, const void *data, size_t size, kind at) { \
    NEXT(name); \
    if (!fd_fails(0, fd)) return real(fd, data, size, at); \
    if (!fault) return real(fd, data, size / 2, at); \
    errno = fault; return -1; }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
#define SYNC(name) int name(int fd) { NEXT(name); if (!fd_fails(1, fd)) return real(fd); errno = fault; return -1; }
SYNC(fsync)
SYNC(fdatasync)
int rename(const char *from, const char *to) {
    NEXT(rename);
    if (!fails(2, to)) return real(from, to);
    errno = fault; return -1;
}
#define OPEN(name) int name(const char *path, int flags, ...) { \
    NEXT(name); \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    if (!fails(3, path)) return real(path, flags, mode); \
    errno = fault; return -1; }
OPEN(open)
OPEN(open64)
#define TRUNCATE(name, kind) int name(int fd, kind size) { \
    NEXT(name); \
    if (!fd_fails(4, fd)) return real(fd, size); \
    errno = fault; return -1; }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
int unlink(const char *path) {
    NEXT(unlink);
    if (!fails(5, path)) return real(path);
    errno = fault; return -1;
}
"""


def build(folder: Path) -> Path | None:
    """The library, compiled into a folder; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/proc/self/fd").exists():
        return None
    source, library = folder / "fault.c", folder / "fault.so"
    source.write_text(SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def preloaded(library: Path) -> dict[str, str]:
    """The environment of a process in which `arm` works."""
    return {**os.environ, "LD_PRELOAD": str(library)}


def arm(below: Path, operation: str, n: int, times: int, fault: str) -> None:
    """From the n-th on, let so many of an operation below a path fail; in this process and its children by fork."""
    ctypes.CDLL(None).fault_arm(str(below).encode(), OPERATIONS.index(operation), n, times, FAULTS[fault])  # type: ignore[attr-defined]


def disarm() -> int:
    """Let nothing fail any more; how many of the operation there were."""
    library = ctypes.CDLL(None)
    library.fault_seen.restype = ctypes.c_long
    seen = int(library.fault_seen())
    library.fault_arm(b"", -1, 0, 0, 0)
    return seen
