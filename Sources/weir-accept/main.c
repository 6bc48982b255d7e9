// weir-accept [--stdio] PROGRAM [ARGUMENT...]
//
// Lets systemd start an addon at its first event, whatever the addon is written in: takes the listening socket that systemd passes
// (LISTEN_FDS), accepts each connection of the core, and runs PROGRAM for it as the core itself would have: the connection is
// descriptor 3 and its number in WEIR_ADDON_FD, or with --stdio the connection is standard input and output.
//
// When its last program has ended and one of them failed, it ends with that one's status, and systemd listens on: so a program that
// fails is a unit that fails, which systemd counts. When none failed it waits a minute for another connection before it ends, because
// systemd counts the starts that follow each other quickly, whatever the status. A failure is also a line on standard error at once.
// Status 78, which is never tried again: the socket or the program is not there, or the arguments are wrong.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { listener = 3, configuration = 78, most_programs = 64, idle_seconds = 60 };

static int fail(const char *what, const char *why) {
    fprintf(stderr, "weir-accept: %s: %s\n", what, why);
    return configuration;
}

static int number(const char *variable) {
    const char *text = getenv(variable);
    return text ? atoi(text) : -1;
}

// In the new process: becomes the program, or ends.
static void become(int connection, int is_stdio, char **program, const sigset_t *signals) {
    sigprocmask(SIG_SETMASK, signals, NULL);
    if (is_stdio) {
        close(listener);
        if (dup2(connection, 0) < 0 || dup2(connection, 1) < 0) _exit(fail("the connection", strerror(errno)));
    } else {
        // Takes the listener's place, which the program must not have: it would keep the address when it outlives us.
        if (dup2(connection, listener) < 0 || setenv("WEIR_ADDON_FD", "3", 1) < 0) _exit(fail("the connection", strerror(errno)));
    }
    execvp(program[0], program);
    _exit(fail(program[0], strerror(errno)));
}

// The status of a program as a shell tells it.
static int shell_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

static void on_child(int signal) { (void)signal; }

int main(int count, char **arguments) {
    int is_stdio = count > 1 && strcmp(arguments[1], "--stdio") == 0;
    char **program = arguments + 1 + is_stdio;
    if (count < 2 + is_stdio) return fail("usage", "weir-accept [--stdio] PROGRAM [ARGUMENT...]");
    if (number("LISTEN_PID") != getpid() || number("LISTEN_FDS") != 1)
        return fail("the socket", "expected one from systemd (LISTEN_PID, LISTEN_FDS), as weir-addon@.socket passes it");
    int is_listening = 0;
    if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){sizeof is_listening}) < 0 || !is_listening)
        return fail("the socket", "expected one that listens (Accept=no)");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");

    // A program must not look into its parent, which is of the same user.
    prctl(PR_SET_DUMPABLE, 0);
    // A child's end interrupts the wait below, and nothing else.
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP}, NULL);

    int running = 0, result = 0;
    for (;;) {
        struct pollfd wanted = {.fd = running < most_programs ? listener : -1, .events = POLLIN};
        // Without a program there is nobody whose end could interrupt the wait.
        int ready = ppoll(&wanted, 1, running ? NULL : &(struct timespec){.tv_sec = idle_seconds}, &before);
        if (ready == 0) return 0;
        int status;
        while (running && waitpid(-1, &status, WNOHANG) > 0) {
            running--;
            if (shell_status(status)) {
                result = shell_status(status);
                fprintf(stderr, "weir-accept: %s ended with status %d\n", program[0], result);
            }
            if (!running && result) return result;
        }
        if (ready < 0) continue;
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) continue; // the core has given up already
        pid_t child = fork();
        if (child == 0) become(connection, is_stdio, program, &before);
        if (child > 0) running++;
        else fprintf(stderr, "weir-accept: no process for a connection: %s\n", strerror(errno));
        close(connection); // the core sees the end of a connection that got no process
    }
}
