// Starts a program that need not be trusted.
//
// In this order: descriptors closed; namespaces, if they can be had, with an empty root; the worker's process; its user; no
// capabilities and no new ones; limits; Landlock; seccomp; exec. Whatever of it is the level's minimum and fails ends it with
// status 78 and the layer's name. The first process stays as the worker's guard, see supervise.c.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/// The signals as a program expects them.
static void reset_signals(void) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static noreturn void run(struct cage *cage) {
    execv(cage->program, cage->argv);
    fail(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE, "'%s' cannot be run: %s", cage->program, strerror(errno));
}

/// A hardened unit of the core's may forbid memory that is both writable and executable to all that it starts.
static bool may_compile(void) {
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place != MAP_FAILED && !munmap(place, 4096);
}

/// Node would end with a failed assertion.
static void interpret_only(void) {
    const char *given = getenv("NODE_OPTIONS");
    char *all = text("%s%s--jitless", given ? given : "", given && *given ? " " : "");
    if (setenv("NODE_OPTIONS", all, 1)) fail(STATUS_SYSTEM, "out of memory");
    free(all);
}

void become_worker(struct cage *cage) {
    reset_signals();
    if (!(cage->namespaces & NS_USER)) become_user(cage, cage->user);
    drop_capabilities(cage);
    if (!(cage->namespaces & NS_PID)) {
        end_with_parent(SIGKILL);
        if (getppid() != cage->guard) _exit(1);
    }
    const char *temporary = cage->temporary ? cage->temporary : "/nonexistent";
    if (cage->level == UNTRUSTED || !may_compile()) interpret_only();
    if (setenv("HOME", temporary, 1) || setenv("TMPDIR", temporary, 1)) fail(STATUS_SYSTEM, "out of memory");
    set_limits(cage);
    apply_landlock(cage);
    apply_seccomp(cage);
    if (cage->report >= 0) write_report(cage, cage->report);
    if (cage->explain) _exit(0);
    run(cage);
}

int main(int argc, char **argv) {
    static struct cage cage;
    pid_t parent = getppid();
    end_with_parent(SIGKILL);
    if (getppid() != parent) return STATUS_SYSTEM;
    read_options(&cage, argc, argv);
    close_descriptors(&cage);
    if (!cage.explain || *cage.argv) find_program(&cage);
    if (cage.rlimits_only) {
        set_limits(&cage);
        run(&cage);
    }
    if (!has_seccomp()) lack(&cage, "seccomp; this kernel lacks it");
    choose_user(&cage);
    cage.guard = getpid();
    size_t given = cage.paths.count;
    add_surroundings(&cage);
    add_system_paths(&cage);
    if (cage.in_bwrap) {
        take_temporary_folder(&cage);
        become_worker(&cage);
    }
    if (!strcmp(cage.back_end, "bwrap")) run_bwrap(&cage, given);
    supervise(&cage);
}
