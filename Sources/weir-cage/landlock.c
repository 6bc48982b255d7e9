// Landlock: files, and where the kernel is new enough TCP, abstract sockets and signals. Constants are our own, since
// distributions' headers are older than their kernels.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };  // the same on every architecture
enum { VERSION = 1, PATH_BENEATH = 1 };

enum file_right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,
};

struct ruleset {
    uint64_t files, tcp, scopes;
};

struct rule {
    uint64_t rights;
    int32_t parent;
} __attribute__((packed));

int landlock_abi(void) {
    long version = syscall(CREATE_RULESET, NULL, 0, VERSION);
    return version < 0 ? 0 : (int)version;
}

static uint64_t handled(int abi) {
    uint64_t rights = (MAKE_SYM << 1) - 1;
    if (abi >= 2) rights |= REFER;
    if (abi >= 3) rights |= TRUNCATE;
    if (abi >= 5) rights |= IOCTL_DEV;
    return rights;
}

static void allow(const struct cage *cage, int rules, uint64_t known, const char *name, unsigned rights, bool is_optional) {
    int file = open(name, O_PATH | O_CLOEXEC);
    if (file < 0) {
        if (is_optional) return;
        const char *why = strerror(errno);
        const char *hint = cage->has_own_user ? " (started by root it is a user of its own: make it readable for all)" : "";
        fail(STATUS_NOT_FOUND, "'%s', which it may use, cannot be opened: %s%s", name, why, hint);
    }
    uint64_t granted = 0;
    if (rights & MAY_READ) granted |= READ_FILE | READ_DIR;
    if (rights & MAY_EXECUTE) granted |= EXECUTE;
    if (rights & MAY_WRITE)
        granted |= WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER;
    struct stat status;
    if (fstat(file, &status)) lack(cage, "Landlock; '%s': %s", name, strerror(errno));
    if (!S_ISDIR(status.st_mode)) granted &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
    struct rule rule = {granted & known, file};
    if (syscall(ADD_RULE, rules, PATH_BENEATH, &rule, 0)) lack(cage, "Landlock; this kernel refuses '%s': %s", name, strerror(errno));
    close(file);
}

/// Our fresh /proc shows only what is within. Of the machine's, and of bubblewrap's, a worker sees what libraries read of itself:
/// in the rest of its own folder there is more, such as the connections of its network namespace.
static void allow_proc(const struct cage *cage, int rules, uint64_t known) {
    static const char *const own[] = {"auxv", "cmdline", "comm", "fd", "limits", "maps", "stat", "statm", "status"};
    if (cage->namespaces & NS_PROC && cage->namespaces & NS_NET && !cage->in_bwrap) {
        allow(cage, rules, known, "/proc", MAY_READ, true);
        return;
    }
    for (size_t index = 0; index < sizeof own / sizeof *own; index++) {
        char *name = text("/proc/self/%s", own[index]);
        allow(cage, rules, known, name, MAY_READ, true);
        free(name);
    }
}

void apply_landlock(struct cage *cage) {
    int abi = landlock_abi();
    if (!abi) return;
    struct ruleset ruleset = {.files = handled(abi)};
    // Without a rule for any port nothing can be bound or connected.
    if (abi >= 4 && !cage->network) ruleset.tcp = 3;
    if (abi >= 6) ruleset.scopes = 3;  // abstract sockets, signals
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    int rules = (int)syscall(CREATE_RULESET, &ruleset, size, 0);
    if (rules < 0) lack(cage, "Landlock; this kernel has it and refuses it: %s", strerror(errno));
    for (size_t index = 0; index < cage->paths.count; index++) {
        const struct path *path = &cage->paths.items[index];
        allow(cage, rules, ruleset.files, path->name, path->rights, false);
    }
    if (cage->temporary) allow(cage, rules, ruleset.files, cage->temporary, MAY_READ | MAY_WRITE, false);
    allow_proc(cage, rules, ruleset.files);
    if (syscall(RESTRICT_SELF, rules, 0)) lack(cage, "Landlock; this kernel has it and refuses it: %s", strerror(errno));
    close(rules);
    cage->landlock = abi;
}
