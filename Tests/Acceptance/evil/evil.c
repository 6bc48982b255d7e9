// Usage: evil TARGETS [NAME...]. Attacks what the file TARGETS names, prints `NAME denied` or `NAME BREACH` a line, and exits with 1
// if there was a breach. Each line of the file is a name and a value: core, sibling (process numbers); address (of a byte that the
// core may read, in hex); key, flows, profile, movable, script (files); state, addon (folders); tcp, udp (ports on 127.0.0.1);
// socket, datagram (paths); abstract (a name); setuid (a program); variable (of the environment). Attacks whose target is missing
// count as denied.
#define _GNU_SOURCE
#include "evil.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *self;
pid_t parent;
static char *lines[64];
static int line_count;

static void read_targets(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "evil: %s: %m\n", path);
        exit(2);
    }
    char line[1024];
    while (line_count < 64 && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (*line) lines[line_count++] = strdup(line);
    }
    fclose(file);
}

const char *target(const char *name) {
    size_t length = strlen(name);
    for (int index = 0; index < line_count; index++)
        if (!strncmp(lines[index], name, length) && lines[index][length] == ' ') return lines[index] + length + 1;
    return NULL;
}

long target_number(const char *name) {
    const char *value = target(name);
    return value ? atol(value) : 0;
}

bool can_read(const char *path) {
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char byte;
    return file >= 0 && read(file, &byte, 1) == 1;
}

const char *own(const char *name) {
    static char path[1024];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "/tmp", name);
    return path;
}

/// In a child, which may die of it.
static bool attempt(const struct attack *attack) {
    pid_t child = fork();
    if (child < 0) {
        perror("evil: fork");
        exit(2);
    }
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(5);
        _exit(attack->attempt() ? RAN : 0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == RAN;
}

static bool is_wanted(const char *name, char **names) {
    if (!*names) return true;
    for (; *names; names++)
        if (!strcmp(name, *names)) return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "--ran")) return RAN;
    // Started with a right that it did not have.
    if (argc == 3 && !strcmp(argv[1], "--user")) return (long)geteuid() == atol(argv[2]) ? RAN : 0;
    if (argc < 2) {
        fprintf(stderr, "usage: evil TARGETS [NAME...]\n");
        return 2;
    }
    self = argv[0];
    parent = getppid();
    read_targets(argv[1]);
    static const struct attack *const all[] = {file_attacks, process_attacks, socket_attacks, kernel_attacks, exhaustion_attacks};
    bool breached = false;
    for (size_t index = 0; index < sizeof all / sizeof *all; index++) {
        for (const struct attack *attack = all[index]; attack->name; attack++) {
            if (!is_wanted(attack->name, argv + 2)) continue;
            bool success = attempt(attack);
            printf("%s %s\n", attack->name, success ? "BREACH" : "denied");
            fflush(stdout);
            breached |= success;
        }
    }
    return breached;
}
