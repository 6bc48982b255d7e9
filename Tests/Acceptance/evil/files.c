// What is on disk: the core's, other addons', the user's, its own program.
#define _GNU_SOURCE
#include "evil.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool key(void) { return can_read(target("key")); }
static bool flows(void) { return can_read(target("flows")); }
static bool profile_read(void) { return can_read(target("profile")); }

static bool can_list(const char *path, int least) {
    DIR *folder = path ? opendir(path) : NULL;
    int count = 0;
    while (folder && readdir(folder)) count++;
    return count >= least;
}

static bool state_list(void) { return can_list(target("state"), 3); }
/// More than what any program needs of it.
static bool etc_list(void) { return can_list("/etc", 20); }
static bool root_home(void) { return can_list("/root", 1); }
static bool system_tree(void) { return can_list("/sys/class", 1); }

static bool can_make(const char *folder, const char *name) {
    if (!folder) return false;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0) unlink(path);
    return file >= 0;
}

static bool plant_addon(void) { return can_make(target("addon"), "planted.py"); }
static bool plant_state(void) { return can_make(target("state"), "planted"); }
static bool plant_library(void) { return can_make("/usr/lib", "planted.so") || can_make("/usr/local/lib", "planted.so"); }
static bool plant_root(void) { return can_make("/", "planted"); }

static bool can_append(const char *path) { return path && open(path, O_WRONLY | O_APPEND | O_CLOEXEC) >= 0; }
static bool profile_write(void) { return can_append(target("profile")); }
static bool own_program(void) { return can_append(target("script")); }

static bool symbolic_link(void) { return target("key") && !symlink(target("key"), own("link")) && can_read(own("link")); }
static bool hard_link(void) { return target("key") && !link(target("key"), own("hard")) && can_read(own("hard")); }

/// Swaps a harmless file and a link to the key under a name while opening that name.
static bool link_race(void) {
    if (!target("key")) return false;
    char name[PATH_MAX], other[PATH_MAX];
    snprintf(name, sizeof name, "%s", own("race"));
    snprintf(other, sizeof other, "%s", own("race.link"));
    int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || symlink(target("key"), other)) return false;
    pid_t swapper = fork();
    if (!swapper)
        for (;;) renameat2(AT_FDCWD, name, AT_FDCWD, other, RENAME_EXCHANGE);
    bool success = false;
    struct timespec now, begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        success = can_read(name);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!success && now.tv_sec * 1000 + now.tv_nsec / 1000000 < begin.tv_sec * 1000 + begin.tv_nsec / 1000000 + 300);
    kill(swapper, SIGKILL);
    return success;
}

static bool move_in(void) {
    if (!target("movable")) return false;
    char back[PATH_MAX];
    snprintf(back, sizeof back, "%s", own("moved"));
    if (rename(target("movable"), back)) return false;
    rename(back, target("movable"));
    return true;
}

static bool move_away(void) {
    if (!target("movable")) return false;
    char away[PATH_MAX];
    snprintf(away, sizeof away, "%s.away", target("movable"));
    if (rename(target("movable"), away)) return false;
    rename(away, target("movable"));
    return true;
}

/// Upwards from where it works.
static bool dot_dot(void) {
    char path[PATH_MAX];
    if (!target("key")) return false;
    snprintf(path, sizeof path, "../../../../../../../../..%s", target("key"));
    return can_read(path);
}

static bool by_proc(void) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/root%s", target("key") ? target("key") : "/none");
    return can_read(path);
}

/// A name, a size, a time.
static bool metadata(void) {
    struct stat status;
    return target("key") && !stat(target("key"), &status);
}

static bool mode(void) { return target("key") && !chmod(target("key"), 0600); }
static bool times(void) { return target("key") && !utimensat(AT_FDCWD, target("key"), NULL, 0); }
static bool watch(void) { return target("key") && inotify_add_watch(inotify_init1(0), target("key"), IN_OPEN) >= 0; }
static bool script_mode(void) {
    int file = target("script") ? open(target("script"), O_RDONLY) : -1;
    return file >= 0 && !fchmod(file, 0644);
}

static bool change_root(void) { return !chroot("/usr"); }

static bool by_handle(void) {
    // Of a file that it may open: with the right to open by handles it could count up to any other.
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } place = {.handle = {.handle_bytes = MAX_HANDLE_SZ}};
    int mount;
    if (name_to_handle_at(AT_FDCWD, self, &place.handle, &mount, 0)) return false;
    int folder = open("/", O_RDONLY | O_DIRECTORY);
    return open_by_handle_at(folder, &place.handle, O_RDONLY) >= 0;
}

static bool device(void) {
    static const char *const names[] = {"/dev/kmsg", "/dev/mem", "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/ptmx", "/dev/vsock"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (open(names[index], O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0) return true;
    return false;
}

static bool make_device(void) { return !mknod(own("null"), S_IFCHR | 0600, 1 << 8 | 3) && open(own("null"), O_RDWR) >= 0; }

const struct attack file_attacks[] = {
    {"key", key},
    {"key-by-link", symbolic_link},
    {"key-by-hard-link", hard_link},
    {"key-by-link-race", link_race},
    {"key-by-dot-dot", dot_dot},
    {"key-by-proc", by_proc},
    {"key-metadata", metadata},
    {"key-mode", mode},
    {"key-times", times},
    {"key-watch", watch},
    {"flows", flows},
    {"state-list", state_list},
    {"state-plant", plant_state},
    {"file-move-in", move_in},
    {"file-move-away", move_away},
    {"profile-read", profile_read},
    {"profile-write", profile_write},
    {"addon-plant", plant_addon},
    {"addon-replace", own_program},
    {"addon-mode", script_mode},
    {"library-plant", plant_library},
    {"root-plant", plant_root},
    {"root-home-list", root_home},
    {"root-change", change_root},
    {"etc-list", etc_list},
    {"sys-list", system_tree},
    {"device-open", device},
    {"device-make", make_device},
    {"file-by-handle", by_handle},
    {0},
};
