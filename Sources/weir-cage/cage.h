// weir-cage: starts a program that need not be trusted. See main.c for the order of things.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>
#include <sys/types.h>

enum level { CONFINED, UNTRUSTED };

/// What a worker may do with a path and, of a folder, with what is in it.
enum right { MAY_READ = 1, MAY_EXECUTE = 2, MAY_WRITE = 4, IS_DEVICE = 8 };

struct path {
    char *name;  ///< Absolute, its last symbolic link not followed.
    unsigned rights;
};

struct paths {
    struct path *items;
    size_t count;
};

/// 0 stands for the level's own; `processes` counts threads, too.
struct limits {
    unsigned long memory, processes, files, file_size;
};

/// Layers by their bits in `cage.namespaces`.
enum namespace { NS_USER = 1, NS_MOUNT = 2, NS_PID = 4, NS_NET = 8, NS_IPC = 16, NS_UTS = 32, NS_CGROUP = 64, NS_PROC = 128 };

struct cage {
    enum level level;
    bool network, explain, without_namespaces, rlimits_only, in_bwrap;
    const char *back_end;  ///< "cage" or "bwrap"
    struct limits limits;
    int report;  ///< -1: none
    char **argv;  ///< What to run; its first word as it was given.
    char *program;  ///< Where that was found, its last symbolic link not followed.
    struct paths paths;
    char *folder;  ///< The working folder.
    char *temporary;  ///< The worker's own folder, NULL: it has none.
    bool temporary_is_sized;
    int keep[4];  ///< Descriptors of the worker's beside 0, 1 and 2; -1 behind the last.

    // What was got.
    unsigned namespaces;
    int landlock;  ///< The kernel's ABI in force, 0: none.
    pid_t guard;  ///< The first process, without a pid namespace the worker's parent.
    uid_t user;  ///< The worker's user, seen from outside.
    bool has_own_user;  ///< It is not that of the core, which is root.
    char lack[160];  ///< Why there are no namespaces, "" if there are.
};

// options.c
void read_options(struct cage *cage, int argc, char **argv);

// failure.c: all end the process, with a line on standard error.
noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *must(void *memory);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// A layer of the level's minimum that is not there, or that failed.
noreturn void lack(const struct cage *cage, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum { STATUS_USAGE = 64, STATUS_SYSTEM = 71, STATUS_LACK = 78, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

// paths.c
void add_path(struct paths *paths, const char *name, unsigned rights);
void add_system_paths(struct cage *cage);
/// The first bytes of a file, ended by a zero; false if it cannot be read.
bool read_start(const char *name, char *head, size_t size);

// program.c
void find_program(struct cage *cage);
void add_surroundings(struct cage *cage);

// plan.c
/// What makes the root that a worker sees, in this order. All names are absolute and lead through no symbolic link.
struct step {
    enum { LINK, BIND } kind;
    char *name;
    char *target;  ///< of a link
    unsigned rights;  ///< of what is bound
    bool is_folder;
};

struct plan {
    struct step *steps;
    size_t count;
};

struct plan plan_root(const struct cage *cage);
/// The working folder if the worker will see it, else the root.
const char *visible_folder(const struct cage *cage, const struct plan *plan);

// namespaces.c
/// As fork(); the child is the first process of namespaces of its own. -1 with `cage->lack` if there are none.
pid_t fork_into_namespaces(struct cage *cage);
/// 0 if namespaces can be had, else the error.
int namespaces_error(void);

// root.c
/// Makes an empty root with nothing but the plan in it and goes there. NULL, or what failed, with errno.
const char *enter_root(struct cage *cage, const struct plan *plan);

/// The one that bubblewrap has made.
void take_temporary_folder(struct cage *cage);

// descriptors.c
void close_descriptors(const struct cage *cage);
/// Closes all but one; the worker's would otherwise stay open here when it closes them. -1: all.
void close_all_but(int kept);

// limits.c
void set_limits(const struct cage *cage);
void drop_capabilities(const struct cage *cage);
/// Root's untrusted workers are a user of their own each, which owns nothing. (The kernel would not count root's processes, either.)
void choose_user(struct cage *cage);
/// Who has chosen its own becomes `user`.
void become_user(const struct cage *cage, uid_t user);
enum { NOBODY = 65534 };  ///< An untrusted worker, as it sees itself in a user namespace.

// landlock.c
/// The newest ABI that this kernel has, 0 if none.
int landlock_abi(void);
/// What Landlock protects at that ABI, in words.
void apply_landlock(struct cage *cage);

// seccomp.c
bool has_seccomp(void);
void apply_seccomp(const struct cage *cage);

// report.c
void write_report(const struct cage *cage, int descriptor);

// bwrap.c
noreturn void run_bwrap(struct cage *cage, size_t given);

// temporary.c
/// Makes the worker's folder on disk and starts the process that removes it once this one has ended. Gives a descriptor that must
/// stay open until then.
int make_temporary(struct cage *cage);

// supervise.c
/// The signal for this process when its parent ends.
void end_with_parent(int signal);
/// However many they are, the scheduler has them share what one process would have, where it groups processes by their sessions.
/// While /proc is the machine's, since the worker's own is read-only.
void share_one_turn(const struct cage *cage);
/// Runs `become_worker` in a child, and ends as it ended. Everything that it started ends with it.
noreturn void supervise(struct cage *cage);

// main.c
/// In the process that will be the worker.
noreturn void become_worker(struct cage *cage);
