// Other processes: the core, another worker, its parent; and becoming another program or user.
#define _GNU_SOURCE
#include "evil.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t core(void) { return (pid_t)target_number("core"); }
static pid_t sibling(void) { return (pid_t)target_number("sibling"); }

static bool can_read_of(pid_t pid, const char *file) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return pid > 0 && can_read(path);
}

static bool core_environment(void) { return can_read_of(core(), "environ"); }
static bool core_arguments(void) { return can_read_of(core(), "cmdline"); }
static bool core_maps(void) { return can_read_of(core(), "maps"); }
static bool sibling_environment(void) { return can_read_of(sibling(), "environ"); }
/// Its guard, where it has one.
static bool parent_environment(void) { return can_read_of(parent, "environ"); }
/// The first process of a namespace of its own takes no signal from within.
static bool parent_signal(void) { return parent > 1 && !kill(parent, SIGURG); }

static bool core_root(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root/etc/passwd", core());
    return core() > 0 && can_read(path);
}

static bool core_descriptors(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", core());
    DIR *folder = core() > 0 ? opendir(path) : NULL;
    int count = 0;
    while (folder && readdir(folder)) count++;
    return count > 2;
}

/// An address that the core may read itself: the start of its program.
static uint64_t address_of_core(void) {
    const char *value = target("address");
    return value ? strtoull(value, NULL, 16) : 0;
}

static bool core_memory(void) {
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%d/mem", core());
    int file = core() > 0 ? open(path, O_RDONLY) : -1;
    return file >= 0 && pread(file, &byte, 1, (off_t)address_of_core()) == 1;
}

static bool can_copy_from(pid_t pid) {
    char byte;
    struct iovec ours = {&byte, 1}, theirs = {(void *)(uintptr_t)address_of_core(), 1};
    return pid > 0 && process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == 1;
}

static bool core_vm(void) { return can_copy_from(core()); }

static bool can_trace(pid_t pid) {
    if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, 0, 0)) return false;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return true;
}

static bool core_trace(void) { return can_trace(core()); }
static bool sibling_trace(void) { return can_trace(sibling()); }

// A signal that does nothing to those who do not ask for it.
static bool core_signal(void) { return core() > 0 && !kill(core(), SIGURG); }
static bool sibling_signal(void) { return sibling() > 0 && !kill(sibling(), SIGURG); }
static bool core_stop(void) {
    if (core() <= 0 || kill(core(), SIGSTOP)) return false;
    kill(core(), SIGCONT);
    return true;
}

/// By the kernel, when something may be read.
static bool core_signal_by_io(void) {
    int pair[2];
    return core() > 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair) && !fcntl(pair[0], F_SETOWN, core());
}

static int pidfd_of(pid_t pid) { return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1; }
static bool core_pidfd_signal(void) {
    int file = pidfd_of(core());
    return file >= 0 && !syscall(SYS_pidfd_send_signal, file, SIGURG, NULL, 0);
}
static bool core_pidfd_descriptor(void) {
    int file = pidfd_of(core());
    return file >= 0 && syscall(SYS_pidfd_getfd, file, 1, 0) >= 0;
}

static bool core_priority(void) { return core() > 0 && !setpriority(PRIO_PROCESS, (id_t)core(), 1); }
static bool core_processors(void) {
    cpu_set_t set;
    return core() > 0 && !sched_getaffinity(core(), sizeof set, &set) && !sched_setaffinity(core(), sizeof set, &set);
}
static bool core_limits(void) {
    struct rlimit limit;
    return core() > 0 && !prlimit(core(), RLIMIT_NOFILE, NULL, &limit);
}
static bool core_compare(void) { return core() > 0 && syscall(SYS_kcmp, getpid(), core(), 1, 0, 0) >= 0; }

static bool process_list(void) {
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (atol(entry->d_name) && (atol(entry->d_name) == core() || atol(entry->d_name) == sibling())) return true;
    return false;
}

static bool flee_session(void) { return setsid() > 0; }
static bool flee_group(void) { return !setpgid(0, 0); }

static bool ran(pid_t child) {
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == RAN;
}

static bool shell(void) {
    pid_t child = fork();
    if (!child) {
        execl("/bin/sh", "sh", "-c", "exit 42", NULL);
        execl("/usr/bin/dash", "sh", "-c", "exit 42", NULL);
        // The loader runs what it may read.
        execl("/lib64/ld-linux-x86-64.so.2", "ld.so", "/usr/bin/dash", "-c", "exit 42", NULL);
        _exit(1);
    }
    return ran(child);
}

static bool memory_program(void) {
    int file = memfd_create("evil", 0), program = open(self, O_RDONLY);
    struct stat status;
    if (file < 0 || program < 0 || fstat(program, &status)) return false;
    if (sendfile(file, program, NULL, (size_t)status.st_size) != status.st_size) return false;
    pid_t child = fork();
    if (!child) {
        fexecve(file, (char *const[]){"evil", "--ran", NULL}, environ);
        _exit(1);
    }
    return ran(child);
}

static bool own_file_program(void) {
    const char *name = own("evil");
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700), program = open(self, O_RDONLY);
    struct stat status;
    if (file < 0 || program < 0 || fstat(program, &status)) return false;
    if (sendfile(file, program, NULL, (size_t)status.st_size) != status.st_size) return false;
    close(file);
    pid_t child = fork();
    if (!child) {
        execl(name, "evil", "--ran", NULL);
        _exit(1);
    }
    return ran(child);
}

static bool setuid_program(void) {
    const char *program = target("setuid");
    struct stat status;
    if (!program || stat(program, &status) || status.st_uid == geteuid()) return false;
    char user[24];
    snprintf(user, sizeof user, "%u", status.st_uid);
    pid_t child = fork();
    if (!child) {
        execl(program, "evil", "--user", user, NULL);
        _exit(1);
    }
    return ran(child);
}

static bool other_user(void) { return !setuid(4242); }
static bool new_rights(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1; }
static bool capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    return !syscall(SYS_capget, &header, data) && (data[0].effective | data[0].permitted | data[1].effective | data[1].permitted);
}

static bool environment(void) { return target("variable") && getenv(target("variable")); }

static bool inherited_descriptors(void) {
    const char *given[] = {getenv("WEIR_ADDON_FD"), getenv("WEIR_ADDON_FDS")};
    for (int descriptor = 3; descriptor < 1024; descriptor++) {
        bool is_given = false;
        for (int index = 0; index < 2; index++) is_given |= given[index] && atoi(given[index]) == descriptor;
        if (!is_given && fcntl(descriptor, F_GETFD) >= 0) return true;
    }
    return false;
}

const struct attack process_attacks[] = {
    {"environment", environment},
    {"inherited-descriptors", inherited_descriptors},
    {"process-list", process_list},
    {"core-environment", core_environment},
    {"core-arguments", core_arguments},
    {"core-maps", core_maps},
    {"core-memory", core_memory},
    {"core-memory-by-call", core_vm},
    {"core-descriptors", core_descriptors},
    {"core-descriptor-taken", core_pidfd_descriptor},
    {"core-root", core_root},
    {"core-trace", core_trace},
    {"core-signal", core_signal},
    {"core-signal-by-io", core_signal_by_io},
    {"core-signal-by-pidfd", core_pidfd_signal},
    {"core-stop", core_stop},
    {"core-priority", core_priority},
    {"core-processors", core_processors},
    {"core-limits", core_limits},
    {"core-compare", core_compare},
    {"sibling-environment", sibling_environment},
    {"sibling-trace", sibling_trace},
    {"sibling-signal", sibling_signal},
    {"parent-environment", parent_environment},
    {"parent-signal", parent_signal},
    {"flee-session", flee_session},
    {"flee-group", flee_group},
    {"shell", shell},
    {"program-in-memory", memory_program},
    {"program-of-its-own", own_file_program},
    {"setuid-program", setuid_program},
    {"other-user", other_user},
    {"new-privileges", new_rights},
    {"capabilities", capabilities},
    {0},
};
