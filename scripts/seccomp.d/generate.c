// Writes Sources/weir-cage/seccomp_programs.h from calls.h, by libseccomp: a BPF program for each level and architecture.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONFINED 1
#define NETWORK 2
#define UNTRUSTED 4
#define NONE 0

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static const struct {
    const char *name;
    unsigned level;
} programs[] = {{"confined", CONFINED}, {"network", NETWORK}, {"untrusted", UNTRUSTED}, {"visible", NONE}};

static const struct {
    const char *macro;
    unsigned arch;
} machines[] = {{"__x86_64__", SCMP_ARCH_X86_64}, {"__aarch64__", SCMP_ARCH_AARCH64}};

static void check(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "seccomp: %s: %s\n", what, strerror(-result));
    exit(1);
}

static void rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count, const struct scmp_arg_cmp *comparisons) {
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) {
        fprintf(stderr, "seccomp: libseccomp knows no system call '%s'\n", name);
        exit(1);
    }
    // An architecture that never had this call is left out silently.
    check(seccomp_rule_add_array(filter, action, number, count, comparisons), name);
}

static void fill(scmp_filter_ctx filter, unsigned level) {
#define CALL(name, levels, reason) \
    if ((levels) & level) rule(filter, SCMP_ACT_ALLOW, #name, 0, NULL);
#define IF(name, levels, reason, ...)                                                                \
    if ((levels) & level) {                                                                          \
        const struct scmp_arg_cmp comparisons[] = {__VA_ARGS__};                                     \
        rule(filter, SCMP_ACT_ALLOW, #name, sizeof comparisons / sizeof *comparisons, comparisons); \
    }
#define DENY(name, error, reason) rule(filter, SCMP_ACT_ERRNO(error), #name, 0, NULL);
#define VISIBLE(name, reason)
#include "calls.h"
#undef CALL
#undef IF
#undef DENY
#undef VISIBLE
    // Explicit, since the rest of what these calls can do is answered with ENOSYS, which misleads.
    if (!(level & NETWORK)) rule(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, NULL);
    const struct scmp_arg_cmp stack[] = {SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_GROWSDOWN, MAP_GROWSDOWN)};
    if (!(level & UNTRUSTED)) rule(filter, SCMP_ACT_ERRNO(EACCES), "mmap", 1, stack);
    if (level & UNTRUSTED) {
        const struct scmp_arg_cmp both[] = {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC)};
        const struct scmp_arg_cmp executable[] = {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)};
        rule(filter, SCMP_ACT_ERRNO(EACCES), "mmap", 1, both);
        rule(filter, SCMP_ACT_ERRNO(EACCES), "mprotect", 1, executable);
    }
}

/// The program that is set beside the level's.
static void fill_visible(scmp_filter_ctx filter) {
#define CALL(name, levels, reason)
#define IF(name, levels, reason, ...)
#define DENY(name, error, reason)
#define VISIBLE(name, reason) rule(filter, SCMP_ACT_ERRNO(EPERM), #name, 0, NULL);
#include "calls.h"
}

static void print(scmp_filter_ctx filter, const char *name) {
    FILE *file = tmpfile();
    if (!file) check(-errno, "tmpfile");
    check(seccomp_export_bpf(filter, fileno(file)), "seccomp_export_bpf");
    rewind(file);
    struct {
        unsigned short code;
        unsigned char yes, no;
        unsigned value;
    } instruction;
    printf("static const struct sock_filter seccomp_%s[] = {", name);
    for (unsigned count = 0; fread(&instruction, sizeof instruction, 1, file) == 1; count++)
        printf(
            "%s{%#x, %u, %u, %#x},", count % 6 ? " " : "\n    ", instruction.code, instruction.yes, instruction.no,
            instruction.value);
    printf("\n};\n");
    fclose(file);
}

int main(void) {
    const struct scmp_version *version = seccomp_version();
    printf("// Written by scripts/seccomp from scripts/seccomp.d/calls.h with libseccomp %u.%u.%u. Do not edit.\n",
           version->major, version->minor, version->micro);
    printf("#include <linux/filter.h>\n\n");
    for (unsigned machine = 0; machine < sizeof machines / sizeof *machines; machine++) {
        printf("%s defined(%s)\n", machine ? "#elif" : "#if", machines[machine].macro);
        for (unsigned program = 0; program < sizeof programs / sizeof *programs; program++) {
            unsigned level = programs[program].level;
            scmp_filter_ctx filter = seccomp_init(level == NONE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
            if (!filter) check(-ENOMEM, "seccomp_init");
            check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "SCMP_FLTATR_ACT_BADARCH");
            if (machines[machine].arch != seccomp_arch_native()) {
                check(seccomp_arch_add(filter, machines[machine].arch), "seccomp_arch_add");
                check(seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), "seccomp_arch_remove");
            }
            check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "SCMP_FLTATR_CTL_OPTIMIZE");
            if (level == NONE) {
                fill_visible(filter);
            } else {
                fill(filter, level);
            }
            print(filter, programs[program].name);
            seccomp_release(filter);
        }
    }
    printf("#else\n#error \"there is no list of system calls for this processor: see scripts/seccomp\"\n#endif\n");
}
