// A worker that tries what it must not. Every attack returns true if it got what it wanted.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct attack {
    const char *name;
    bool (*attempt)(void);
};

/// Ended by a row without a name.
extern const struct attack file_attacks[], process_attacks[], socket_attacks[], kernel_attacks[], exhaustion_attacks[];

/// A value of the targets' file, NULL if it has none: then the attack counts as denied, which the bare run shows.
const char *target(const char *name);
/// The same as a number, 0 if there is none.
long target_number(const char *name);
/// Can a byte of that file be read?
bool can_read(const char *path);
/// A name in the worker's own temporary folder.
const char *own(const char *name);
/// Its own program once more, with the one argument: exits with this status if it runs.
enum { RAN = 42 };
extern const char *self;
extern pid_t parent;
