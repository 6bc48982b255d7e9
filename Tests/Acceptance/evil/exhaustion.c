// Bombs. Each stops as soon as it has more than any level allows, and leaves nothing behind.
#define _GNU_SOURCE
#include "evil.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool forks(void) {
    static pid_t children[200];
    int count = 0;
    for (; count < 200; count++) {
        pid_t child = fork();
        if (child < 0) break;
        if (!child) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) pause();
        }
        children[count] = child;
    }
    for (int index = 0; index < count; index++) kill(children[index], SIGKILL);
    for (int index = 0; index < count; index++) waitpid(children[index], NULL, 0);
    return count == 200;
}

static void *wait_for_ever(void *nothing) {
    pause();
    return nothing;
}

static bool threads(void) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    pthread_t thread;
    for (int count = 0; count < 200; count++)
        if (pthread_create(&thread, &small, wait_for_ever, NULL)) return false;
    return true;
}

/// Not touched: what is counted is what it may touch.
static bool memory(void) {
    for (int count = 0; count < 16; count++)
        if (mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED) return false;
    return true;
}

static bool shared_memory(void) {
    return mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/// The device of zeros, mapped and shared, is shared memory.
static bool shared_zeros(void) {
    int file = open("/dev/zero", O_RDWR);
    return file >= 0 && mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0) != MAP_FAILED;
}

static bool memory_as_stack(void) {
    return mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static bool memory_file(void) {
    int file = memfd_create("evil", 0);
    return file >= 0 && !ftruncate(file, 1 << 30);
}

static bool raise_limits(void) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    return !setrlimit(RLIMIT_DATA, &all) || !setrlimit(RLIMIT_FSIZE, &all) || !setrlimit(RLIMIT_NPROC, &all);
}

static bool raise_stack(void) {
    struct rlimit much = {1 << 30, 1 << 30};
    return !setrlimit(RLIMIT_STACK, &much);
}

static bool core_dump(void) {
    struct rlimit all = {1 << 20, 1 << 20};
    return !setrlimit(RLIMIT_CORE, &all);
}

static bool descriptors(void) {
    for (int count = 0; count < 512; count++)
        if (dup(1) < 0) return false;
    return true;
}

static bool large_file(void) {
    const char *name = own("large");
    int file = open(name, O_RDWR | O_CREAT, 0600);
    if (file < 0) return false;
    bool success = !ftruncate(file, 1 << 30);
    unlink(name);
    return success;
}

static bool many_files(void) {
    int count = 0;
    char name[16];
    for (; count < 20; count++) {
        snprintf(name, sizeof name, "many.%d", count);
        int file = open(own(name), O_RDWR | O_CREAT, 0600);
        if (file < 0 || fallocate(file, 0, 0, 16 << 20)) break;
        close(file);
    }
    for (int index = 0; index <= count; index++) {
        snprintf(name, sizeof name, "many.%d", index);
        unlink(own(name));
    }
    return count == 20;
}

static bool names(void) {
    int count = 0;
    char name[16];
    for (; count < 4500; count++) {
        snprintf(name, sizeof name, "name.%d", count);
        int file = open(own(name), O_RDWR | O_CREAT, 0600);
        if (file < 0) break;
        close(file);
    }
    for (int index = 0; index < count; index++) {
        snprintf(name, sizeof name, "name.%d", index);
        unlink(own(name));
    }
    return count == 4500;
}

const struct attack exhaustion_attacks[] = {
    {"bomb-processes", forks},
    {"bomb-threads", threads},
    {"bomb-memory", memory},
    {"bomb-shared-memory", shared_memory},
    {"bomb-shared-zeros", shared_zeros},
    {"bomb-stack-memory", memory_as_stack},
    {"bomb-memory-file", memory_file},
    {"bomb-descriptors", descriptors},
    {"bomb-large-file", large_file},
    {"bomb-many-files", many_files},
    {"bomb-names", names},
    {"limits-raise", raise_limits},
    {"limits-raise-stack", raise_stack},
    {"core-dump", core_dump},
    {0},
};
