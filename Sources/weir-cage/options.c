// The command line.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: weir-cage --level confined|untrusted [OPTION...] -- PROGRAM [ARGUMENT...]\n"
    "       weir-cage --explain [--level LEVEL] [OPTION...]\n"
    "Starts PROGRAM with nothing but what its level and the options allow.\n\n"
    "  --level LEVEL       confined: own files read-only, a temporary folder, no network, limits\n"
    "                      untrusted: also a short list of system calls, no memory both writable and executable, no other programs\n"
    "  --read PATH         a file or folder that it may read and execute; may be repeated\n"
    "  --write PATH        a folder that a confined program may write; may be repeated\n"
    "  --network           a confined program may use IP\n"
    "  --memory BYTES      private memory of each process (confined 512m, untrusted 256m)\n"
    "  --processes N       processes and threads (64, 32)\n"
    "  --files N           open files of each process (256, 64)\n"
    "  --file-size BYTES   size of a file, and of the temporary folder (256m, 64m)\n"
    "  --namespaces WHICH  auto, or no: do without\n"
    "  --back-end WHICH    cage, or bwrap: bubblewrap makes the namespaces\n"
    "  --report FD         writes one line of JSON there, which layers it got\n"
    "  --explain           prints that line and what it may read, and runs nothing\n"
    "  --rlimits-only      the limits and no more\n\n"
    "Descriptors 0, 1, 2 and those that WEIR_ADDON_FD and WEIR_ADDON_FDS name are passed on. Exit status 78: a layer is missing.\n";

static noreturn void misused(const char *format, const char *value) {
    fprintf(stderr, "weir-cage: ");
    fprintf(stderr, format, value);
    fprintf(stderr, "\nTry weir-cage --help\n");
    exit(STATUS_USAGE);
}

/// A positive number, with k, m or g behind it if it counts bytes.
static unsigned long number(const char *value, const char *name, bool is_bytes) {
    char *end;
    errno = 0;
    unsigned long result = strtoul(value, &end, 10);
    unsigned shift = 0;
    if (is_bytes && *end) {
        switch (*end++) {
        case 'k': shift = 10; break;
        case 'm': shift = 20; break;
        case 'g': shift = 30; break;
        default: end--;
        }
    }
    if (errno || *end || *value < '0' || *value > '9' || !result || result > (unsigned long)LONG_MAX >> shift)
        misused(is_bytes ? "--%s takes a number of bytes, such as 256m" : "--%s takes a number from 1", name);
    return result << shift;
}

static bool choice(const char *value, const char *name, const char *no, const char *yes) {
    if (!strcmp(value, yes)) return true;
    if (!strcmp(value, no)) return false;
    misused("there is no such choice for --%s", name);
}

static char *absolute(const char *folder, const char *path) {
    if (!path[strspn(path, "/")]) misused("'%s' is no path that a cage could be made of", path);
    return *path == '/' ? must(strdup(path)) : text("%s/%s", folder, path);
}

/// The number of a descriptor in the environment, -1 if there is none.
static int passed(const char *variable) {
    const char *value = getenv(variable);
    if (!value || !*value) return -1;
    char *end;
    long descriptor = strtol(value, &end, 10);
    return *end || descriptor < 0 || descriptor > 1 << 20 ? -1 : (int)descriptor;
}

enum { READ = 256, WRITE, NETWORK, MEMORY, PROCESSES, FILES, FILE_SIZE, NAMESPACES, BACK_END, REPORT, EXPLAIN, RLIMITS, IN_BWRAP, HELP };

static const struct option options[] = {
    {"level", required_argument, NULL, 'l'},
    {"read", required_argument, NULL, READ},
    {"write", required_argument, NULL, WRITE},
    {"network", no_argument, NULL, NETWORK},
    {"memory", required_argument, NULL, MEMORY},
    {"processes", required_argument, NULL, PROCESSES},
    {"files", required_argument, NULL, FILES},
    {"file-size", required_argument, NULL, FILE_SIZE},
    {"namespaces", required_argument, NULL, NAMESPACES},
    {"back-end", required_argument, NULL, BACK_END},
    {"report", required_argument, NULL, REPORT},
    {"explain", no_argument, NULL, EXPLAIN},
    {"rlimits-only", no_argument, NULL, RLIMITS},
    {"in-bwrap", required_argument, NULL, IN_BWRAP},  // what it calls itself with
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

void read_options(struct cage *cage, int argc, char **argv) {
    cage->report = -1;
    cage->back_end = "cage";
    cage->folder = getcwd(NULL, 0);
    if (!cage->folder) cage->folder = must(strdup("/"));
    bool has_level = false;
    for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        switch (option) {
        case 'l':
            cage->level = choice(optarg, "level", "confined", "untrusted") ? UNTRUSTED : CONFINED;
            has_level = true;
            break;
        case READ: add_path(&cage->paths, absolute(cage->folder, optarg), MAY_READ | MAY_EXECUTE); break;
        case WRITE: add_path(&cage->paths, absolute(cage->folder, optarg), MAY_READ | MAY_WRITE); break;
        case NETWORK: cage->network = true; break;
        case MEMORY: cage->limits.memory = number(optarg, "memory", true); break;
        case PROCESSES: cage->limits.processes = number(optarg, "processes", false); break;
        case FILES: cage->limits.files = number(optarg, "files", false); break;
        case FILE_SIZE: cage->limits.file_size = number(optarg, "file-size", true); break;
        case NAMESPACES: cage->without_namespaces = choice(optarg, "namespaces", "auto", "no"); break;
        case BACK_END: cage->back_end = choice(optarg, "back-end", "cage", "bwrap") ? "bwrap" : "cage"; break;
        case REPORT: cage->report = (int)number(optarg, "report", false); break;
        case EXPLAIN: cage->explain = true; break;
        case RLIMITS: cage->rlimits_only = true; break;
        case IN_BWRAP:
            cage->in_bwrap = true;
            cage->back_end = "bwrap";
            cage->namespaces = (unsigned)number(optarg, "in-bwrap", false);
            break;
        case HELP: fputs(usage, stdout); exit(0);
        default: misused("what it was told is above%s", "");
        }
    }
    cage->argv = argv + optind;
    if (!has_level && !cage->explain && !cage->rlimits_only) misused("--%s is missing", "level");
    if (optind == argc && !cage->explain) misused("the program is missing%s", "");
    if (cage->level == UNTRUSTED && cage->network) misused("--%s: only a confined program may have it", "network");
    if (cage->level == UNTRUSTED)
        for (size_t index = 0; index < cage->paths.count; index++)
            if (cage->paths.items[index].rights & MAY_WRITE) misused("--%s: only a confined program may have it", "write");
    if (cage->explain) cage->report = 1;

    bool is_confined = cage->level == CONFINED;
    struct limits *limits = &cage->limits;
    if (!limits->memory) limits->memory = is_confined ? 512ul << 20 : 256ul << 20;
    if (!limits->processes) limits->processes = is_confined ? 64 : 32;
    if (!limits->files) limits->files = is_confined ? 256 : 64;
    if (!limits->file_size) limits->file_size = is_confined ? 256ul << 20 : 64ul << 20;

    int count = 0;
    for (int which = 0; which < 2; which++) {
        int descriptor = passed(which ? "WEIR_ADDON_FDS" : "WEIR_ADDON_FD");
        if (descriptor > 2) cage->keep[count++] = descriptor;
    }
    cage->keep[count] = -1;
}
