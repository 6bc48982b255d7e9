// A temporary folder on disk, for confined workers without a mount namespace. Its size has no bound but that of a file, which is
// why an untrusted one has none.
#define _GNU_SOURCE
#include "cage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// Empties a folder. What is below its folders is moved up first: however deep they go, two descriptors suffice, and no link is
/// ever followed.
static void empty(int folder) {
    unsigned long moved = 0;
    for (bool found = true; found;) {
        found = false;
        int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *entries = copy < 0 ? NULL : fdopendir(copy);
        if (!entries) return;
        for (struct dirent *entry; (entry = readdir(entries));) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            if (!unlinkat(folder, entry->d_name, 0) || !unlinkat(folder, entry->d_name, AT_REMOVEDIR)) continue;
            fchmodat(folder, entry->d_name, 0700, 0);
            int inner = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            DIR *children = inner < 0 ? NULL : fdopendir(inner);
            if (!children) continue;
            for (struct dirent *child; (child = readdir(children));) {
                if (!strcmp(child->d_name, ".") || !strcmp(child->d_name, "..")) continue;
                char name[40];
                snprintf(name, sizeof name, ".weir-%lu", moved++);
                if (!unlinkat(inner, child->d_name, 0) || !renameat(inner, child->d_name, folder, name)) found = true;
            }
            closedir(children);
            if (!unlinkat(folder, entry->d_name, AT_REMOVEDIR)) found = true;
        }
        closedir(entries);
    }
}

static noreturn void remove_later(const char *name, int alive) {
    setsid();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // Moved out of the range of what is closed.
    int wait = fcntl(alive, F_DUPFD_CLOEXEC, folder + 1);
    for (int descriptor = 0; descriptor < wait; descriptor++)
        if (descriptor != folder) close(descriptor);
    close_range(wait + 1, ~0u, 0);
    char byte;
    while (read(wait, &byte, 1) < 0 && errno == EINTR) {}
    // Something of the worker's may still be about to end.
    for (int attempt = 0; folder >= 0 && attempt < 20; attempt++) {
        empty(folder);
        if (!rmdir(name) || errno == ENOENT) break;
        usleep(10000);
    }
    _exit(0);
}

int make_temporary(struct cage *cage) {
    const char *where = getenv("TMPDIR");
    cage->temporary = text("%s/weir-cage-XXXXXX", where && *where == '/' ? where : "/tmp");
    if (!mkdtemp(cage->temporary)) fail(STATUS_SYSTEM, "its temporary folder '%s': %s", cage->temporary, strerror(errno));
    int ends[2];
    pid_t child = -1;
    if (!pipe2(ends, O_CLOEXEC)) child = fork();
    if (child < 0) {
        rmdir(cage->temporary);
        fail(STATUS_SYSTEM, "what removes its temporary folder: %s", strerror(errno));
    }
    if (!child) {
        close(ends[1]);
        // Not our child, so that it does not end with the worker.
        if (!fork()) remove_later(cage->temporary, ends[0]);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(ends[0]);
    return ends[1];
}
