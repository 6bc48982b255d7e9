// Nothing that the core has open reaches a worker but what is meant for it.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_all(unsigned first, unsigned last) {
    if (first > last || !syscall(SYS_close_range, first, last, 0)) return;
    long end = sysconf(_SC_OPEN_MAX);
    if (end < 0 || end > 1 << 20) end = 1 << 20;
    for (unsigned descriptor = first; descriptor < (unsigned)end && descriptor <= last; descriptor++) close((int)descriptor);
}

void close_descriptors(const struct cage *cage) {
    unsigned kept[4], count = 0;
    for (int index = 0; cage->keep[index] >= 0; index++) kept[count++] = (unsigned)cage->keep[index];
    if (cage->report > 2) {
        kept[count++] = (unsigned)cage->report;
        if (fcntl(cage->report, F_SETFD, FD_CLOEXEC)) fail(STATUS_USAGE, "--report: %s", strerror(errno));
    }
    unsigned next = 3;
    for (;;) {
        unsigned nearest = UINT_MAX;
        for (unsigned index = 0; index < count; index++)
            if (kept[index] >= next && kept[index] < nearest) nearest = kept[index];
        if (nearest == UINT_MAX) break;
        close_all(next, nearest - 1);
        next = nearest + 1;
    }
    close_all(next, UINT_MAX);
    // What opens a file next must not become somebody's standard error.
    for (int descriptor = 0; descriptor < 3; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) fail(STATUS_SYSTEM, "/dev/null: %s", strerror(errno));
}

void close_all_but(int kept) {
    if (kept < 0) {
        close_all(0, UINT_MAX);
    } else {
        if (kept > 0) close_all(0, (unsigned)kept - 1);
        close_all((unsigned)kept + 1, UINT_MAX);
    }
}
