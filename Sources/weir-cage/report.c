// What a worker really has, as one line of JSON.
#define _GNU_SOURCE
#include "cage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void put_string(FILE *file, const char *value) {
    fputc('"', file);
    for (const unsigned char *byte = (const unsigned char *)value; *byte; byte++) {
        if (*byte == '"' || *byte == '\\') {
            fprintf(file, "\\%c", *byte);
        } else if (*byte < 0x20 || *byte > 0x7E) {
            // A name's bytes need not be UTF-8: each as the character of its number.
            fprintf(file, "\\u%04x", *byte);
        } else {
            fputc(*byte, file);
        }
    }
    fputc('"', file);
}

static void put_namespaces(FILE *file, unsigned got) {
    static const char *const names[] = {"user", "mount", "pid", "net", "ipc", "uts", "cgroup"};
    const char *comma = "";
    fputs("\"namespaces\":[", file);
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        if (!(got & 1u << index)) continue;
        fprintf(file, "%s\"%s\"", comma, names[index]);
        comma = ",";
    }
    fputs("],", file);
}

static void put_limits(FILE *file, const struct cage *cage) {
    static const struct {
        const char *name;
        int which;
    } limits[] = {{"memory", RLIMIT_DATA}, {"processes", RLIMIT_NPROC}, {"files", RLIMIT_NOFILE}, {"file_size", RLIMIT_FSIZE}};
    fputs("\"rlimits\":{", file);
    for (size_t index = 0; index < sizeof limits / sizeof *limits; index++) {
        struct rlimit limit;
        if (getrlimit(limits[index].which, &limit)) continue;
        unsigned long value = limit.rlim_cur;
        // Without a user namespace those of the user that were there before are in the kernel's number.
        if (limits[index].which == RLIMIT_NPROC && value > cage->limits.processes) value = cage->limits.processes;
        fprintf(file, "%s\"%s\":%lu", index ? "," : "", limits[index].name, value);
    }
    fputc('}', file);
}

void write_report(const struct cage *cage, int descriptor) {
    char *line = NULL;
    size_t size = 0;
    FILE *file = must(open_memstream(&line, &size));
    fprintf(file, "{\"level\":\"%s\",", cage->level == UNTRUSTED ? "untrusted" : "confined");
    fprintf(file, "\"back_end\":\"%s\",\"landlock\":%d,\"seccomp\":true,", cage->back_end, cage->landlock);
    put_namespaces(file, cage->namespaces);
    fprintf(file, "\"no_new_privs\":true,\"network\":%s,", cage->network ? "true" : "false");
    fprintf(file, "\"temporary\":\"%s\",", !cage->temporary ? "none" : cage->temporary_is_sized ? "memory" : "disk");
    put_limits(file, cage);
    if (*cage->lack) {
        fputs(",\"lacks\":", file);
        put_string(file, cage->lack);
    }
    if (cage->explain) {
        fputs(",\"paths\":{", file);
        for (size_t index = 0; index < cage->paths.count; index++) {
            const struct path *path = &cage->paths.items[index];
            if (index) fputc(',', file);
            put_string(file, path->name);
            fprintf(
                file, ":\"%s%s%s\"", path->rights & MAY_READ ? "r" : "", path->rights & MAY_WRITE ? "w" : "",
                path->rights & MAY_EXECUTE ? "x" : "");
        }
        fputc('}', file);
    }
    fputs("}\n", file);
    if (fclose(file)) fail(STATUS_SYSTEM, "out of memory");
    for (size_t sent = 0; sent < size;) {
        ssize_t count = write(descriptor, line + sent, size - sent);
        // Nobody reads it: that is the reader's affair.
        if (count <= 0) break;
        sent += (size_t)count;
    }
    free(line);
}
