/* What Swift's Glibc module hides: calls that take any number of arguments, and those of _GNU_SOURCE. */
#include <errno.h>
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
