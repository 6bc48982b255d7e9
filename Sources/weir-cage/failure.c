// How it says that it cannot.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static noreturn void say(int status, const char *head, const char *format, va_list arguments) {
    char line[1024];
    int used = snprintf(line, sizeof line, "weir-cage: %s", head);
    used += vsnprintf(line + used, sizeof line - (size_t)used, format, arguments);
    if (used > (int)sizeof line - 2) used = sizeof line - 2;
    line[used++] = '\n';
    // One write, so that two writers' lines stay apart.
    if (write(2, line, (size_t)used) < 0) _exit(status);
    _exit(status);
}

void fail(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(status, "", format, arguments);
}

void lack(const struct cage *cage, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(STATUS_LACK, cage->level == UNTRUSTED ? "level 'untrusted' needs " : "level 'confined' needs ", format, arguments);
}

void *must(void *memory) {
    if (!memory) fail(STATUS_SYSTEM, "out of memory");
    return memory;
}

char *text(const char *format, ...) {
    char *result = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&result, format, arguments) < 0) fail(STATUS_SYSTEM, "out of memory");
    va_end(arguments);
    return result;
}
