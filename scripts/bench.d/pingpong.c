// The bare socket under the link between Weir and a worker: a line goes to another process and an answer comes back.
//
//   pingpong LINE-FILE ANSWER-SIZE WINDOW SECONDS [COMMAND…]
//
// WINDOW lines are outstanding all the time. The other process is COMMAND with the socket as WEIR_ADDON_FD, which answers each line with one,
// or, without COMMAND, one that looks at nothing and writes ANSWER-SIZE octets for each line. What one read brings is answered with one write.
// Prints {"per_s", "p50_us" (with a window of 1), "us", "other_us": processor time of each round trip on either side}.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, MOST_TIMES = 1 << 20 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) fail("clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void echo(int link, size_t line, size_t answer) {
    char *in = malloc(ROOM), *out = calloc(ROOM / line + 2, answer);
    size_t held = 0;
    if (!in || !out) fail("malloc");
    for (ssize_t size; (size = read(link, in, ROOM)) > 0;) {
        held += (size_t)size;
        size_t whole = held / line * answer;
        held %= line;
        for (size_t done = 0; done < whole;) {
            ssize_t wrote = write(link, out + done, whole - done);
            if (wrote < 0) return;
            done += (size_t)wrote;
        }
    }
}

static void become_worker(int link, char **command) {
    if (dup2(link, 3) < 0 || fcntl(3, F_SETFD, 0)) fail("dup2");
    setenv("WEIR_ADDON_FD", "3", 1);
    execvp(command[0], command);
    fail(command[0]);
}

static int by_value(const void *a, const void *b) {
    float first = *(const float *)a, second = *(const float *)b;
    return (first > second) - (first < second);
}

// Round trips until `end`. Lines are told apart by their number of octets on the way out, by LF or by number of octets on the way back.
static long drive(int link, const char *line, size_t size, size_t answer, int window, double end, float *times, long *timed) {
    size_t room = size * (size_t)window, unsent = room, at = 0, received = 0;
    char *out = malloc(room), *in = malloc(ROOM);
    if (!out || !in) fail("malloc");
    for (int i = 0; i < window; i++) memcpy(out + (size_t)i * size, line, size);
    long done = 0;
    for (double sent = now(CLOCK_MONOTONIC), time = sent; time < end; time = now(CLOCK_MONOTONIC)) {
        while (unsent) {
            ssize_t wrote = write(link, out + at, room - at < unsent ? room - at : unsent);
            if (wrote < 0) break;
            unsent -= (size_t)wrote, at = (at + (size_t)wrote) % room;
        }
        struct pollfd ready = {link, (short)(POLLIN | (unsent ? POLLOUT : 0)), 0};
        if (poll(&ready, 1, 1000) < 0 && errno != EINTR) fail("poll");
        if (!(ready.revents & (POLLIN | POLLHUP))) continue;
        ssize_t count = read(link, in, ROOM);
        if (count <= 0) break;
        long before = done;
        if (answer) {
            received += (size_t)count;
            done = (long)(received / answer);
        } else {
            for (char *next = in; (next = memchr(next, '\n', (size_t)(in + count - next))); next++) done++;
        }
        unsent += size * (size_t)(done - before);
        if (window == 1 && done > before) {
            double came = now(CLOCK_MONOTONIC);
            if (*timed < MOST_TIMES) times[(*timed)++] = (float)((came - sent) * 1e6);
            sent = came;
        }
    }
    return done;
}

int main(int count, char **arguments) {
    if (count < 5) return fprintf(stderr, "usage: pingpong LINE-FILE ANSWER-SIZE WINDOW SECONDS [COMMAND…]\n"), 2;
    FILE *file = fopen(arguments[1], "r");
    char *line = NULL;
    size_t space = 0;
    ssize_t size = file ? getline(&line, &space, file) : -1;
    if (size <= 0) fail(arguments[1]);
    char **command = count > 5 ? arguments + 5 : NULL;
    size_t answer = strtoul(arguments[2], NULL, 10);
    int window = atoi(arguments[3]), pair[2];
    double seconds = atof(arguments[4]);
    if (!answer || window < 1) return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) fail("socketpair");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (!child) {
        close(pair[0]);
        if (command) become_worker(pair[1], command);
        echo(pair[1], (size_t)size, answer);
        _exit(0);
    }
    close(pair[1]);
    signal(SIGPIPE, SIG_IGN);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    float *times = malloc(MOST_TIMES * sizeof *times);
    if (!times) fail("malloc");
    long timed = 0;
    drive(pair[0], line, (size_t)size, command ? 0 : answer, 1, now(CLOCK_MONOTONIC) + 0.2, times, &timed);  // its start is no part of it
    timed = 0;
    clockid_t other;
    if (clock_getcpuclockid(child, &other)) fail("clock_getcpuclockid");
    double mine = now(CLOCK_PROCESS_CPUTIME_ID), theirs = now(other), begin = now(CLOCK_MONOTONIC);
    long done = drive(pair[0], line, (size_t)size, command ? 0 : answer, window, begin + seconds, times, &timed);
    double elapsed = now(CLOCK_MONOTONIC) - begin;
    mine = now(CLOCK_PROCESS_CPUTIME_ID) - mine, theirs = now(other) - theirs;
    close(pair[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (!done) return fprintf(stderr, "pingpong: nothing came back\n"), 1;
    qsort(times, (size_t)timed, sizeof *times, by_value);
    printf("{\"per_s\": %.0f, \"p50_us\": %.2f, \"us\": %.3f, \"other_us\": %.3f}\n", (double)done / elapsed, timed ? (double)times[timed / 2] : 0.0,
           mine / (double)done * 1e6, theirs / (double)done * 1e6);
}
