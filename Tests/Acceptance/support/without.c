// Usage: without WHAT[,WHAT...] COMMAND...: runs a command as on a kernel without landlock, namespaces, mounts (namespaces that bring
// no rights, as where AppArmor restricts them) or seccomp.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter program[64];
static unsigned short length;

static void add(unsigned short code, unsigned value, unsigned char yes, unsigned char no) {
    program[length++] = (struct sock_filter){code, yes, no, value};
}

/// That call fails, or only with a bit of its first argument set.
static void refuse(unsigned call, unsigned bit, unsigned error) {
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, call, 0, bit ? 3 : 1);
    if (bit) {
        add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args), 0, 0);
        add(BPF_JMP | BPF_JSET | BPF_K, bit, 0, 1);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error, 0, 0);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    for (char *what = strtok(argv[1], ","); what; what = strtok(NULL, ",")) {
        if (!strcmp(what, "landlock")) refuse(444, 0, ENOSYS);
        if (!strcmp(what, "namespaces")) refuse(SYS_clone, CLONE_NEWUSER, EPERM);
        if (!strcmp(what, "mounts")) refuse(SYS_mount, 0, EACCES);
        if (!strcmp(what, "seccomp")) refuse(SYS_seccomp, 0, ENOSYS);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    struct sock_fprog filter = {length, program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        perror("without");
        return 2;
    }
    execvp(argv[2], argv + 2);
    perror("without");
    return 2;
}
