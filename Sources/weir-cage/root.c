// The root that a worker sees: empty but for the plan, all of it read-only but its temporary folder.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OLD "/.old"

struct attributes {
    uint64_t set, clear, propagation, user_namespace;
};
enum { READ_ONLY = 1, NO_SUID = 2, NO_DEVICES = 4 };

/// Also of what is mounted within. (mount(2) would have to repeat the attributes that are there.)
static int set_attributes(const char *name, uint64_t set, bool within) {
    struct attributes attributes = {.set = set};
    enum { MOUNT_SETATTR = 442, RECURSIVE = 0x8000 };
    return (int)syscall(MOUNT_SETATTR, AT_FDCWD, name, within ? RECURSIVE : 0, &attributes, sizeof attributes);
}

static int make_folders(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        if (mkdir(path, 0755) && errno != EEXIST) return -1;
        *slash = '/';
    }
    return 0;
}

static int bind(const struct step *step) {
    if (step->is_folder) {
        if (mkdir(step->name, 0755) && errno != EEXIST) return -1;
    } else {
        int file = open(step->name, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
        if (file < 0 && errno != EROFS && errno != EACCES) return -1;
        if (file >= 0) close(file);
    }
    char *source = text(OLD "%s", step->name);
    int result = mount(source, step->name, NULL, MS_BIND | MS_REC, NULL);
    free(source);
    if (result) return result;
    uint64_t attributes = NO_SUID;
    // A device is written by its node, whatever is said of the place that has it; and there a folder may not hold others.
    if (!(step->rights & IS_DEVICE)) attributes |= NO_DEVICES;
    if (!(step->rights & MAY_WRITE)) attributes |= READ_ONLY;
    return set_attributes(step->name, attributes, true);
}

static const char *failed_step;

static int make(const struct plan *plan) {
    for (size_t index = 0; index < plan->count; index++) {
        const struct step *step = &plan->steps[index];
        failed_step = step->name;
        if (make_folders(step->name)) return -1;
        if (step->kind == LINK ? symlink(step->target, step->name) && errno != EEXIST : bind(step)) return -1;
    }
    failed_step = NULL;
    return 0;
}

/// Mounts it, or changes what bubblewrap has mounted.
static int mount_temporary_folder(const struct cage *cage, unsigned long how) {
    // What a kernel takes for a file's name and so on is not in the size.
    char options[96];
    int used = snprintf(options, sizeof options, "mode=700,size=%lu,nr_inodes=4096", cage->limits.file_size);
    if (cage->has_own_user) snprintf(options + used, sizeof options - (size_t)used, ",uid=%u,gid=%u", NOBODY, NOBODY);
    unsigned long flags = how | MS_NOSUID | MS_NODEV | (cage->level == UNTRUSTED ? MS_NOEXEC : 0);
    return mount("tmpfs", "/tmp", "tmpfs", flags, options);
}

void take_temporary_folder(struct cage *cage) {
    cage->temporary = "/tmp";
    cage->temporary_is_sized = true;
    // Without these bounds it is nothing for an untrusted one.
    if (mount_temporary_folder(cage, MS_REMOUNT) && cage->level == UNTRUSTED) cage->temporary = NULL;
}

static int make_devices(void) {
    static const char *const links[][2] = {
        {"/proc/self/fd", "/dev/fd"},
        {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"},
        {"/proc/self/fd/2", "/dev/stderr"},
        {"/tmp", "/dev/shm"},
    };
    if (mkdir("/dev", 0755) && errno != EEXIST) return -1;
    for (size_t index = 0; index < sizeof links / sizeof *links; index++)
        if (symlink(links[index][0], links[index][1]) && errno != EEXIST) return -1;
    return 0;
}

const char *enter_root(struct cage *cage, const struct plan *plan) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) return "mount";
    // Any folder will do to put the new root on: from there it takes the old one's place.
    static const char *const places[] = {"/tmp", "/run", "/usr"};
    size_t place = 0;
    while (mount("tmpfs", places[place], "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m"))
        if (++place == sizeof places / sizeof *places) return "a new root";
    char *old = text("%s" OLD, places[place]);
    if (mkdir(old, 0700) || syscall(SYS_pivot_root, places[place], old) || chdir("/")) return "pivot_root";
    free(old);
    if (mkdir("/tmp", 0700) && errno != EEXIST) return "/tmp";
    if (mount_temporary_folder(cage, 0)) return "a temporary folder in memory";
    if (make_devices()) return "/dev";
    if (make(plan)) return failed_step;
    if (mkdir("/proc", 0555) && errno != EEXIST) return "/proc";
    // A machine that hides parts of its own /proc allows no fresh one: then there is none.
    if (!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "subset=pid")) cage->namespaces |= NS_PROC;
    if (umount2(OLD, MNT_DETACH) || rmdir(OLD)) return "to leave the old root";
    if (set_attributes("/", READ_ONLY | NO_SUID | NO_DEVICES, false)) return "a read-only root";
    if (chdir(visible_folder(cage, plan)) && chdir("/")) return "a working folder";
    cage->temporary = "/tmp";
    cage->temporary_is_sized = true;
    return NULL;
}
