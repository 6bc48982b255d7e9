/* What Swift does not say of its tasks, for executors of our own. */
#pragma once

/* Where a task goes on whose continuation is resumed: Swift's runtime hands it to no executor in particular first, that is to its pool of
   threads, which hands it on to the task's actor. Between these two calls, on one thread, the caller gets it instead. */
void weir_begin_resuming(void);
/* The job of the task that was resumed meanwhile; NULL if it was not waiting yet, or if the runtime has no such hook and the pool has it. */
void *weir_end_resuming(void);

/* The executor whose jobs the calling thread runs; NULL if none was set. */
void weir_set_executor(void *executor);
void *weir_executor(void);
