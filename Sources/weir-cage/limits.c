// Limits, capabilities and users.
#define _GNU_SOURCE
#include "cage.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

static void limit(const struct cage *cage, int which, const char *name, unsigned long value) {
    struct rlimit now;
    if (getrlimit(which, &now)) lack(cage, "the limit %s: %s", name, strerror(errno));
    // It may only go down: what was lower stays.
    if (value < now.rlim_max) now.rlim_max = value;
    if (now.rlim_cur > now.rlim_max || value < now.rlim_cur) now.rlim_cur = now.rlim_max;
    if (setrlimit(which, &now)) lack(cage, "the limit %s; this process may not set it: %s", name, strerror(errno));
}

/// How many processes and threads our user has by now. Who owns a folder of /proc says nothing: root, if its process hides.
static unsigned long processes_of_user(void) {
    DIR *folder = opendir("/proc");
    if (!folder) return 0;
    unsigned long count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!isdigit((unsigned char)*entry->d_name)) continue;
        char name[64], status[2048];
        snprintf(name, sizeof name, "/proc/%.16s/status", entry->d_name);
        if (!read_start(name, status, sizeof status)) continue;
        const char *user = strstr(status, "\nUid:"), *threads = strstr(status, "\nThreads:");
        if (user && strtoul(user + 5, NULL, 10) == getuid()) count += threads ? strtoul(threads + 9, NULL, 10) : 1;
    }
    closedir(folder);
    return count;
}

void set_limits(const struct cage *cage) {
    const struct limits *limits = &cage->limits;
    limit(cage, RLIMIT_CORE, "CORE", 0);
    limit(cage, RLIMIT_DATA, "DATA", limits->memory);
    // Beside DATA, which does not count it.
    limit(cage, RLIMIT_STACK, "STACK", 8ul << 20);
    limit(cage, RLIMIT_NOFILE, "NOFILE", limits->files);
    limit(cage, RLIMIT_FSIZE, "FSIZE", limits->file_size);
    limit(cage, RLIMIT_MEMLOCK, "MEMLOCK", 64ul << 10);
    limit(cage, RLIMIT_MSGQUEUE, "MSGQUEUE", 0);
    limit(cage, RLIMIT_SIGPENDING, "SIGPENDING", 256);
    limit(cage, RLIMIT_RTPRIO, "RTPRIO", 0);
    limit(cage, RLIMIT_NICE, "NICE", 0);
    // Inside a user namespace the kernel counts only what is within; outside, all that the user has. The init counts, too.
    // Of root's it counts none, and a new user has none.
    bool is_counted = getuid() && !cage->has_own_user;
    unsigned long others = cage->namespaces & NS_USER ? 1 : is_counted ? processes_of_user() : 0;
    limit(cage, RLIMIT_NPROC, "NPROC", limits->processes + others);
    // Of the processor there is no limit but this: the core goes first.
    if (cage->level == UNTRUSTED) setpriority(PRIO_PROCESS, 0, 10);
    if (cage->level == UNTRUSTED) prctl(PR_SET_MDWE, 1, 0, 0, 0);  // beside seccomp; not every kernel has it
}

void choose_user(struct cage *cage) {
    cage->user = getuid();
    cage->has_own_user = !cage->user && cage->level == UNTRUSTED && !cage->in_bwrap;
    // Above what distributions and containers give out, and one for each process number.
    if (cage->has_own_user) cage->user = 0x70000000u + (uid_t)getpid();
}

void become_user(const struct cage *cage, uid_t user) {
    if (!cage->has_own_user) return;
    if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user))
        lack(cage, "a user of its own when root starts it: %s", strerror(errno));
}

void drop_capabilities(const struct cage *cage) {
    // What an exec as user 0 would bring back.
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                 SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED);
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) prctl(PR_CAPBSET_DROP, capability);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}}, left[2];
    // A hardened unit refuses the call itself, and has left nothing to drop.
    bool is_dropped = !syscall(SYS_capset, &header, none);
    int error = errno;
    if (!is_dropped && !syscall(SYS_capget, &header, left)) is_dropped = !memcmp(left, none, sizeof none);
    if (!is_dropped) lack(cage, "to be without capabilities: %s", strerror(error));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) lack(cage, "no_new_privs; this kernel: %s", strerror(errno));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
