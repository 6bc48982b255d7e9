// What a worker may read beside its own files: the system's libraries, and little of /etc.
#define _GNU_SOURCE
#include "cage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOTH, ONLY_CONFINED, ONLY_NETWORK };

static const struct {
    const char *name;
    int who;
    unsigned rights;
} system_paths[] = {
    // Libraries, and what interpreters load. For an untrusted worker without the programs: there is no shell to be had.
    {"/usr/lib", BOTH, MAY_READ},
    {"/usr/lib32", BOTH, MAY_READ},
    {"/usr/lib64", BOTH, MAY_READ},
    {"/usr/local/lib", BOTH, MAY_READ},
    {"/usr/share/locale", BOTH, MAY_READ},
    {"/usr/share/nodejs", BOTH, MAY_READ},
    {"/usr/share/perl", BOTH, MAY_READ},
    {"/usr/share/perl5", BOTH, MAY_READ},
    {"/usr/share/zoneinfo", BOTH, MAY_READ},
    {"/lib", BOTH, MAY_READ},
    {"/lib32", BOTH, MAY_READ},
    {"/lib64", BOTH, MAY_READ},
    // What the kernel runs to load a program.
    {"/lib64/ld-linux-x86-64.so.2", BOTH, MAY_READ | MAY_EXECUTE},
    {"/lib/ld-linux-aarch64.so.1", BOTH, MAY_READ | MAY_EXECUTE},
    {"/lib/ld-musl-x86_64.so.1", BOTH, MAY_READ | MAY_EXECUTE},
    {"/lib/ld-musl-aarch64.so.1", BOTH, MAY_READ | MAY_EXECUTE},
    {"/usr", ONLY_CONFINED, MAY_READ | MAY_EXECUTE},
    {"/bin", ONLY_CONFINED, MAY_READ | MAY_EXECUTE},
    {"/sbin", ONLY_CONFINED, MAY_READ | MAY_EXECUTE},
    {"/etc/ld.so.cache", BOTH, MAY_READ},
    {"/etc/localtime", BOTH, MAY_READ},
    {"/etc/timezone", BOTH, MAY_READ},
    {"/etc/ssl/certs", BOTH, MAY_READ},
    {"/etc/ssl/openssl.cnf", BOTH, MAY_READ},
    {"/etc/alternatives", ONLY_CONFINED, MAY_READ | MAY_EXECUTE},
    // Debian's Java keeps here what its folder under /usr/lib/jvm has links to, and does not start without.
    {"/etc/java-17-openjdk", ONLY_CONFINED, MAY_READ},
    {"/etc/java-21-openjdk", ONLY_CONFINED, MAY_READ},
    {"/etc/java-25-openjdk", ONLY_CONFINED, MAY_READ},
    {"/etc/group", ONLY_CONFINED, MAY_READ},
    {"/etc/nsswitch.conf", ONLY_CONFINED, MAY_READ},
    {"/etc/passwd", ONLY_CONFINED, MAY_READ},
    {"/etc/gai.conf", ONLY_NETWORK, MAY_READ},
    {"/etc/host.conf", ONLY_NETWORK, MAY_READ},
    {"/etc/hosts", ONLY_NETWORK, MAY_READ},
    {"/etc/protocols", ONLY_NETWORK, MAY_READ},
    {"/etc/resolv.conf", ONLY_NETWORK, MAY_READ},
    {"/etc/services", ONLY_NETWORK, MAY_READ},
    {"/dev/null", BOTH, MAY_READ | MAY_WRITE | IS_DEVICE},
    {"/dev/random", BOTH, MAY_READ | IS_DEVICE},
    {"/dev/urandom", BOTH, MAY_READ | IS_DEVICE},
    {"/dev/full", ONLY_CONFINED, MAY_READ | MAY_WRITE | IS_DEVICE},
    // Mapped and shared it is memory that no limit counts.
    {"/dev/zero", ONLY_CONFINED, MAY_READ | MAY_WRITE | IS_DEVICE},
};

void add_path(struct paths *paths, const char *name, unsigned rights) {
    char *copy = must(strdup(name));
    for (size_t end = strlen(copy); end > 1 && copy[end - 1] == '/';) copy[--end] = 0;
    for (size_t index = 0; index < paths->count; index++) {
        struct path *path = &paths->items[index];
        if (!strcmp(path->name, copy)) {
            path->rights |= rights;
            free(copy);
            return;
        }
    }
    paths->items = must(realloc(paths->items, (paths->count + 1) * sizeof *paths->items));
    paths->items[paths->count++] = (struct path){copy, rights};
}

void add_system_paths(struct cage *cage) {
    for (size_t index = 0; index < sizeof system_paths / sizeof *system_paths; index++) {
        int who = system_paths[index].who;
        if (who == ONLY_CONFINED && cage->level != CONFINED) continue;
        if (who == ONLY_NETWORK && !cage->network) continue;
        if (access(system_paths[index].name, F_OK)) continue;
        add_path(&cage->paths, system_paths[index].name, system_paths[index].rights);
    }
}

bool read_start(const char *name, char *head, size_t size) {
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t count = read(file, head, size - 1);
    close(file);
    if (count < 0) return false;
    head[count] = 0;
    return true;
}
