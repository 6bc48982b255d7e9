// The list of system calls, by the programs that scripts/seccomp writes.
#define _GNU_SOURCE
#include "cage.h"
#include "seccomp_programs.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool has_seccomp(void) {
    unsigned action = SECCOMP_RET_ERRNO;
    return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

void apply_seccomp(const struct cage *cage) {
#define PROGRAM(name) ((struct sock_fprog){sizeof name / sizeof *name, (struct sock_filter *)name})
    struct sock_fprog visible = PROGRAM(seccomp_visible);
    struct sock_fprog program = cage->level == UNTRUSTED ? PROGRAM(seccomp_untrusted)
        : cage->network                                  ? PROGRAM(seccomp_network)
                                                         : PROGRAM(seccomp_confined);
    bool sees_machine = !(cage->namespaces & NS_MOUNT);
    if ((sees_machine && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &visible)) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        lack(cage, "seccomp; this kernel refuses it: %s", strerror(errno));
}
