// The other back end: bubblewrap makes the namespaces and the root, and this program runs once more inside for the rest.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **words;
static size_t count;

static void say_one(const char *word) {
    words = must(realloc(words, (count + 2) * sizeof *words));
    words[count++] = must(strdup(word));
    words[count] = NULL;
}

/// Ended by NULL.
static void say(const char *word, ...) {
    va_list more;
    va_start(more, word);
    for (; word; word = va_arg(more, const char *)) say_one(word);
    va_end(more);
}

static void say_number(const char *name, unsigned long value) {
    char *number = text("%lu", value);
    say(name, number, NULL);
    free(number);
}

/// The one capability is for take_temporary_folder, and gone before the worker's program runs.
static void say_namespaces(const struct cage *cage) {
    say("bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", NULL);
    if (!cage->network) say("--unshare-net", NULL);
    say("--die-with-parent", "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--hostname", "weir", NULL);
    if (cage->level == UNTRUSTED) say("--uid", "65534", "--gid", "65534", NULL);
}

static void say_root(const struct cage *cage, const struct plan *plan, const char *self) {
    say("--perms", "0700", NULL);
    say_number("--size", cage->limits.file_size);
    say("--tmpfs", "/tmp", NULL);
    for (size_t index = 0; index < plan->count; index++) {
        const struct step *step = &plan->steps[index];
        if (step->kind == LINK) {
            say("--symlink", step->target, step->name, NULL);
        } else {
            const char *how = step->rights & IS_DEVICE ? "--dev-bind" : step->rights & MAY_WRITE ? "--bind" : "--ro-bind";
            say(how, step->name, step->name, NULL);
        }
    }
    say("--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/tmp", "/dev/shm", "--proc", "/proc", NULL);
    say("--ro-bind", self, "/.weir-cage", "--remount-ro", "/", "--chdir", visible_folder(cage, plan), NULL);
}

static void say_inner(const struct cage *cage, size_t given) {
    unsigned got = NS_USER | NS_MOUNT | NS_PID | NS_IPC | NS_UTS | NS_CGROUP | NS_PROC | (cage->network ? 0 : NS_NET);
    say("--", "/.weir-cage", "--level", cage->level == UNTRUSTED ? "untrusted" : "confined", NULL);
    say_number("--in-bwrap", got);
    say_number("--memory", cage->limits.memory);
    say_number("--processes", cage->limits.processes);
    say_number("--files", cage->limits.files);
    say_number("--file-size", cage->limits.file_size);
    if (cage->report >= 0) say_number("--report", (unsigned long)cage->report);
    if (cage->network) say("--network", NULL);
    if (cage->explain) say("--explain", NULL);
    for (size_t index = 0; index < given; index++) {
        const struct path *path = &cage->paths.items[index];
        if (path->rights & MAY_EXECUTE) say("--read", path->name, NULL);
        if (path->rights & MAY_WRITE) say("--write", path->name, NULL);
    }
    say("--", NULL);
    if (!cage->program) return;
    say(cage->program, NULL);
    for (char **word = cage->argv + 1; *word; word++) say(*word, NULL);
}

void run_bwrap(struct cage *cage, size_t given) {
    int error = namespaces_error();
    if (error) lack(cage, "namespaces with the back end bwrap; this kernel lacks them: %s", strerror(error));
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size < 0) fail(STATUS_SYSTEM, "/proc/self/exe: %s", strerror(errno));
    self[size] = 0;
    struct plan plan = plan_root(cage);
    say_namespaces(cage);
    say_root(cage, &plan, self);
    say_inner(cage, given);
    if (cage->report > 2) fcntl(cage->report, F_SETFD, 0);
    become_user(cage, cage->user);
    execvp(words[0], words);
    lack(cage, "bubblewrap as its back end; '%s': %s", words[0], strerror(errno));
}
