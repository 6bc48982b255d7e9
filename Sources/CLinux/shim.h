/* What Swift's Glibc module hides: calls that take any number of arguments, and those of _GNU_SOURCE. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/types.h>

extern int pipe2(int *, int);
extern int memfd_create(const char *, unsigned int);
extern int setgroups(size_t, const gid_t *);
extern int initgroups(const char *, gid_t);
extern int setresuid(uid_t, uid_t, uid_t);
extern int setresgid(gid_t, gid_t, gid_t);
extern int close_range(unsigned int, unsigned int, int);
extern char *program_invocation_name;

/* Whether others of the same user may read the process's memory and files in /proc. */
static inline int weir_set_dumpable(int dumpable) { return prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0); }
static inline int weir_is_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }

/* From SCHED_OTHER to SCHED_BATCH or back, for the calling thread, of which what it starts inherits that; false if nothing was changed. Who
   is SCHED_BATCH, when woken, waits for a processor instead of taking one from who runs there. */
static inline int weir_schedule_as_batch(int batch) {
    struct sched_param priority = {.sched_priority = 0};
    int before = batch ? SCHED_OTHER : SCHED_BATCH, after = batch ? SCHED_BATCH : SCHED_OTHER;
    return sched_getscheduler(0) == before && !sched_setscheduler(0, after, &priority);
}
