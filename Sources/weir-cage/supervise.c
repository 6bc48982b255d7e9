// The processes around a worker.
//
// With a pid namespace: this one (which the core knows) → the first of the namespace, which reaps → the worker. The end of any of
// the first two is the end of all within. Without: this one → the worker; what the worker leaves behind becomes our child, and
// nothing within can leave the process group, by which the core ends it.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t worker_of_init;

void end_with_parent(int signal) {
    if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)) fail(STATUS_SYSTEM, "PR_SET_PDEATHSIG: %s", strerror(errno));
}

static void set_mask(int how, bool all) {
    sigset_t set;
    if (all) {
        sigfillset(&set);
    } else {
        sigemptyset(&set);
    }
    sigprocmask(how, &set, NULL);
}

/// Only what the outer process queues: anybody within may send the plain signal.
static void pass_on(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    if (info->si_code == SI_QUEUE && !info->si_pid && worker_of_init > 0) kill(worker_of_init, info->si_value.sival_int);
}

void share_one_turn(const struct cage *cage) {
    if (setsid() < 0 || cage->level != UNTRUSTED) return;
    int file = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    // Not every kernel has it, and it takes one change in a tenth of a second, whoever asks. Each has its own lower priority still.
    if (write(file, "10", 2) != 2) errno = 0;
    close(file);
}

/// The first process of the pid namespace.
static noreturn void init(struct cage *cage, int ended) {
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    become_user(cage, NOBODY);
    drop_capabilities(cage);
    // The kernel forgets it when the user changes.
    end_with_parent(SIGKILL);
    struct pollfd guard = {.fd = ended};
    if (poll(&guard, 1, 0) < 0 || guard.revents) _exit(1);
    pid_t pid = fork();
    if (pid < 0) fail(STATUS_SYSTEM, "fork: %s", strerror(errno));
    if (!pid) become_worker(cage);
    worker_of_init = pid;
    close_all_but(ended);
    set_mask(SIG_SETMASK, false);
    for (;;) {
        int status;
        pid_t found = waitpid(-1, &status, 0);
        if (found < 0 && errno != EINTR) _exit(1);
        if (found == pid) _exit(write(ended, &status, sizeof status) == sizeof status ? 0 : 1);
    }
}

/// What the worker has left behind has become our child.
static void end_descendants(void) {
    char name[64], list[4096];
    snprintf(name, sizeof name, "/proc/self/task/%d/children", getpid());
    while (read_start(name, list, sizeof list) && *list) {
        for (char *next = list, *end;; next = end) {
            pid_t child = (pid_t)strtol(next, &end, 10);
            if (end == next) break;
            // The last number may be cut.
            if (*end) kill(child, SIGKILL);
        }
        if (waitpid(-1, NULL, 0) < 0) break;
    }
}

static noreturn void end_as(int status) {
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(WTERMSIG(status), SIG_DFL);
    set_mask(SIG_SETMASK, false);
    kill(getpid(), WTERMSIG(status));
    _exit(128 + WTERMSIG(status));
}

/// Why a worker without namespaces would not have its level, unless Landlock does.
static void check_without_namespaces(const struct cage *cage) {
    int abi = landlock_abi();
    const char *why = *cage->lack ? cage->lack : "namespaces: told to do without";
    if (cage->level == UNTRUSTED && abi < 6)
        lack(cage, "Landlock 6 or namespaces; this kernel lacks both (Landlock: %d; %s)", abi, why);
    if (abi < 1) lack(cage, "Landlock or a mount namespace; this kernel lacks both (%s)", why);
}

void supervise(struct cage *cage) {
    pid_t parent = getppid();
    set_mask(SIG_SETMASK, true);
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC)) fail(STATUS_SYSTEM, "a pipe: %s", strerror(errno));
    pid_t child = -1;
    if (!cage->without_namespaces) child = fork_into_namespaces(cage);
    bool has_init = child >= 0;
    if (!child) {
        close(ends[0]);
        init(cage, ends[1]);
    }
    int kept = ends[0];
    if (!has_init) {
        check_without_namespaces(cage);
        if (cage->level == CONFINED) kept = make_temporary(cage);
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        child = fork();
        if (child < 0) fail(STATUS_SYSTEM, "fork: %s", strerror(errno));
        if (!child) become_worker(cage);
    }
    // A signal that can be waited for, where the worker's children have to be ended.
    end_with_parent(has_init ? SIGKILL : SIGTERM);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    close_all_but(kept);

    sigset_t all;
    sigfillset(&all);
    for (;;) {
        if (getppid() != parent) {
            kill(child, SIGKILL);
            parent = getppid();
        }
        siginfo_t info;
        int signal = sigwaitinfo(&all, &info);
        if (signal == SIGCHLD) {
            int status;
            // The others are what its descendants have left behind.
            pid_t found;
            do found = waitpid(-1, &status, WNOHANG);
            while (found > 0 && found != child);
            if (found != child) continue;
            if (has_init) {
                int inner;
                if (read(ends[0], &inner, sizeof inner) == sizeof inner) status = inner;
            } else {
                end_descendants();
            }
            end_as(status);
        }
        if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT) {
            // Whoever signals the group reaches the worker twice; who signals this process alone, once.
            if (has_init) {
                sigqueue(child, SIGUSR1, (union sigval){.sival_int = signal});
            } else if (getppid() == parent) {
                kill(child, signal);
            }
        }
    }
}
