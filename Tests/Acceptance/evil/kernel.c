// The kernel's surface: what takes rights, or gives a wide field to somebody who looks for holes.
#define _GNU_SOURCE
#include "evil.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
static const unsigned char code[] = {0xB8, RAN, 0, 0, 0, 0xC3};  // mov eax, RAN; ret
#else
static const unsigned code[] = {0x52800000 | RAN << 5, 0xD65F03C0};  // mov w0, RAN; ret
#endif

static bool runs(void *place) {
    __builtin___clear_cache(place, (char *)place + sizeof code);
    return ((int (*)(void))place)() == RAN;
}

static bool writable_code(void) {
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) return false;
    memcpy(place, code, sizeof code);
    return runs(place);
}

static bool written_code(void) {
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) return false;
    memcpy(place, code, sizeof code);
    return !mprotect(place, 4096, PROT_READ | PROT_EXEC) && runs(place);
}

static bool code_of_a_file(void) {
    int file = open(own("code"), O_RDWR | O_CREAT | O_TRUNC, 0700);
    if (file < 0 || write(file, code, sizeof code) != sizeof code) return false;
    void *place = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    return place != MAP_FAILED && runs(place);
}

static bool user_namespace(void) { return !unshare(CLONE_NEWUSER); }
static bool other_namespaces(void) { return !unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID); }

static bool user_namespace_by_clone(void) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (!child) _exit(RAN);
    return child > 0;
}

static bool user_namespace_by_clone3(void) {
    unsigned long arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (!child) _exit(RAN);
    return child > 0;
}

static bool parents_namespace(void) {
    int file = open("/proc/self/ns/net", O_RDONLY);
    return file >= 0 && !setns(file, CLONE_NEWNET);
}

static bool mounts(void) {
    (void)!unshare(CLONE_NEWUSER | CLONE_NEWNS);
    return !mount("evil", "/usr", "tmpfs", 0, NULL);
}

static bool bpf(void) {
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map) >= 0;
}

static bool io_uring(void) {
    struct io_uring_params parameters = {0};
    return syscall(SYS_io_uring_setup, 1, &parameters) >= 0;
}

static bool asynchronous_io(void) {
    unsigned long context = 0;
    return !syscall(SYS_io_setup, 1, &context);
}

static bool page_faults(void) { return syscall(SYS_userfaultfd, O_CLOEXEC | 1) >= 0; }

static bool performance(void) {
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1};
    return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0;
}

static bool keys(void) { return syscall(SYS_add_key, "user", "evil", "x", 1, -3) >= 0; }
static bool session_keys(void) { return syscall(SYS_keyctl, 0, -3, 1) >= 0; }
static bool watches(void) { return inotify_init1(0) >= 0; }
static bool file_system_watches(void) { return fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY) >= 0; }
static bool kernel_log(void) { return klogctl(10, NULL, 0) >= 0; }
static bool layout(void) { return personality(ADDR_NO_RANDOMIZE) >= 0; }
static bool modules(void) { return can_read("/proc/modules") || can_read("/proc/kallsyms") || can_read("/proc/cmdline"); }

static bool settings(void) {
    int file = open("/proc/sys/kernel/hostname", O_WRONLY);
    return file >= 0;
}

static bool host_name(void) {
    char name[65];
    return !gethostname(name, sizeof name) && !sethostname(name, strlen(name));
}

static bool shared_segment(void) {
    int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
    return segment >= 0;
}

static bool semaphores(void) {
    int set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    if (set >= 0) semctl(set, 0, IPC_RMID);
    return set >= 0;
}

static bool messages(void) {
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (queue >= 0) msgctl(queue, IPC_RMID, NULL);
    return queue >= 0;
}

static bool posix_messages(void) {
    mqd_t queue = mq_open("/evil", O_RDWR | O_CREAT, 0600, NULL);
    if (queue != (mqd_t)-1) mq_unlink("/evil");
    return queue != (mqd_t)-1;
}

static bool real_time(void) { return !sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}); }
static bool priority(void) { return !setpriority(PRIO_PROCESS, 0, -1); }

/// Types into the terminal that it was given as standard input.
static bool terminal(void) { return !ioctl(0, TIOCSTI, ""); }

/// The calls of another architecture go around a list of this one's.
static bool other_calls(void) {
#if defined(__x86_64__)
    long result = 20;  // getpid of i386
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result > 0;
#else
    return false;
#endif
}

const struct attack kernel_attacks[] = {
    {"code-writable", writable_code},
    {"code-written", written_code},
    {"code-of-a-file", code_of_a_file},
    {"namespace-user", user_namespace},
    {"namespace-user-by-clone", user_namespace_by_clone},
    {"namespace-user-by-clone3", user_namespace_by_clone3},
    {"namespace-others", other_namespaces},
    {"namespace-join", parents_namespace},
    {"mount", mounts},
    {"bpf", bpf},
    {"io-uring", io_uring},
    {"asynchronous-io", asynchronous_io},
    {"page-faults", page_faults},
    {"performance", performance},
    {"keys-add", keys},
    {"keys-session", session_keys},
    {"watches", watches},
    {"watches-of-file-system", file_system_watches},
    {"kernel-log", kernel_log},
    {"kernel-layout", layout},
    {"kernel-facts", modules},
    {"kernel-settings", settings},
    {"host-name", host_name},
    {"sysv-memory", shared_segment},
    {"sysv-semaphores", semaphores},
    {"sysv-messages", messages},
    {"posix-messages", posix_messages},
    {"real-time", real_time},
    {"priority", priority},
    {"terminal-input", terminal},
    {"other-calls", other_calls},
    {0},
};
