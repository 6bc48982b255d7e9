#include "tasks.h"

#include <stddef.h>

typedef __attribute__((swiftcall)) void (*pool)(void *job);

/* Called in the place of the pool (swift/Runtime/Concurrency.h). Weak, since a runtime need not have it. */
extern __attribute__((weak, swiftcall)) void (*swift_task_enqueueGlobal_hook)(void *job, pool pool);

static __thread int is_resuming;
static __thread void *resumed;
static __thread void *executor;

static __attribute__((swiftcall)) void take(void *job, pool pool) {
    if (!is_resuming) {
        pool(job);
        return;
    }
    is_resuming = 0;
    resumed = job;
}

__attribute__((constructor)) static void install(void) {
    if (&swift_task_enqueueGlobal_hook) swift_task_enqueueGlobal_hook = take;
}

void weir_begin_resuming(void) {
    is_resuming = 1;
    resumed = NULL;
}

void *weir_end_resuming(void) {
    is_resuming = 0;
    return resumed;
}

void weir_set_executor(void *value) { executor = value; }

void *weir_executor(void) { return executor; }
