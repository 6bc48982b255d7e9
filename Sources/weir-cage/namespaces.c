// Namespaces of a worker's own. The user namespace is what lets an ordinary user have the others.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// The user that a worker sees itself as; the confined one owns what it writes.
static uid_t inner_user(const struct cage *cage, uid_t outer) { return cage->level == UNTRUSTED ? NOBODY : outer; }

static int put(pid_t child, const char *file, const char *content) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/%s", child, file);
    int descriptor = open(name, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, content, strlen(content));
    int error = errno;
    close(descriptor);
    errno = error;
    return written == (ssize_t)strlen(content) ? 0 : -1;
}

static int map(const struct cage *cage, pid_t child, const char *file, uid_t ours, uid_t outer) {
    char content[96];
    int used = snprintf(content, sizeof content, "%u %u 1\n", inner_user(cage, outer), outer);
    // Root makes the mounts before it becomes the worker's user.
    if (cage->has_own_user) snprintf(content + used, sizeof content - (size_t)used, "%u %u 1\n", ours, ours);
    return put(child, file, content);
}

/// Both maps; only who has rights outside may leave the groups as they are.
static const char *map_users(const struct cage *cage, pid_t child) {
    if (getuid() && put(child, "setgroups", "deny")) return "setgroups";
    gid_t group = cage->has_own_user ? (gid_t)cage->user : getgid();
    if (map(cage, child, "gid_map", getgid(), group)) return "gid_map";
    if (map(cage, child, "uid_map", getuid(), cage->user)) return "uid_map";
    return NULL;
}

static pid_t fork_with(unsigned long flags) { return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0); }

int namespaces_error(void) {
    pid_t child = fork_with(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID);
    if (child < 0) return errno;
    if (!child) _exit(0);
    waitpid(child, NULL, 0);
    return 0;
}

/// In the child: until the parent has written the maps. Ends with its parent.
static void wait_for_maps(int go) {
    char byte;
    if (read(go, &byte, 1) != 1) _exit(1);
    close(go);
}

pid_t fork_into_namespaces(struct cage *cage) {
    struct plan plan = plan_root(cage);
    unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    unsigned got = NS_USER | NS_MOUNT | NS_PID | NS_IPC | NS_UTS | NS_CGROUP;
    if (!cage->network) {
        flags |= CLONE_NEWNET;
        got |= NS_NET;
    }
    int go[2], failure[2];
    if (pipe2(go, O_CLOEXEC) || pipe2(failure, O_CLOEXEC)) fail(STATUS_SYSTEM, "a pipe: %s", strerror(errno));
    pid_t child = fork_with(flags);
    if (child < 0) {
        snprintf(cage->lack, sizeof cage->lack, "namespaces: %s", strerror(errno));
    } else if (!child) {
        close(go[1]);
        close(failure[0]);
        end_with_parent(SIGKILL);
        wait_for_maps(go[0]);
        cage->namespaces = got;
        share_one_turn(cage);
        if (sethostname("weir", 4)) cage->namespaces &= ~(unsigned)NS_UTS;
        const char *what = enter_root(cage, &plan);
        if (what) {
            dprintf(failure[1], "%s: %s", what, strerror(errno));
            _exit(1);
        }
        close(failure[1]);
        return 0;
    } else {
        const char *what = map_users(cage, child);
        if (what) {
            snprintf(cage->lack, sizeof cage->lack, "user namespace, %s: %s", what, strerror(errno));
            kill(child, SIGKILL);
        } else if (write(go[1], "", 1) != 1) {
            snprintf(cage->lack, sizeof cage->lack, "namespaces: %s", strerror(errno));
        }
        close(failure[1]);
        failure[1] = -1;
        size_t used = 0;
        char text[128];
        for (ssize_t count; used < sizeof text - 1 && (count = read(failure[0], text + used, sizeof text - 1 - used)) > 0;)
            used += (size_t)count;
        text[used] = 0;
        if (used && !*cage->lack) snprintf(cage->lack, sizeof cage->lack, "mount namespace, %s", text);
        if (*cage->lack) {
            waitpid(child, NULL, 0);
            child = -1;
        }
    }
    close(go[0]);
    close(go[1]);
    close(failure[0]);
    if (failure[1] >= 0) close(failure[1]);
    return child;
}
