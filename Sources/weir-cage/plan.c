// What has to be made so that each path leads to the same place in an empty root as in the real one: the links on its way, and its
// end.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_within(const char *name, const char *folder) {
    size_t length = strlen(folder);
    return !strncmp(name, folder, length) && (!name[length] || name[length] == '/');
}

/// Is the name there already, and may be used like that?
static bool is_covered(const struct plan *plan, const char *name, unsigned rights) {
    for (size_t index = 0; index < plan->count; index++) {
        const struct step *step = &plan->steps[index];
        if (step->kind == LINK ? !strcmp(name, step->name) : is_within(name, step->name) && !(rights & MAY_WRITE & ~step->rights))
            return true;
    }
    return false;
}

static void add(struct plan *plan, struct step step) {
    plan->steps = must(realloc(plan->steps, (plan->count + 1) * sizeof *plan->steps));
    step.name = must(strdup(step.name));
    plan->steps[plan->count++] = step;
}

static void follow(struct plan *plan, const struct path *path) {
    char at[PATH_MAX] = "";
    char *rest = must(strdup(path->name));
    for (unsigned links = 0; *rest;) {
        char *next = rest + strspn(rest, "/");
        size_t length = strcspn(next, "/");
        char name[NAME_MAX + 1];
        if (length > NAME_MAX || strlen(at) + length + 2 > sizeof at) fail(STATUS_NOT_FOUND, "'%s' is too long", path->name);
        memcpy(name, next, length);
        name[length] = 0;
        next += length;
        next += strspn(next, "/");
        if (!strcmp(name, "..")) {
            char *slash = strrchr(at, '/');
            if (slash) *slash = 0;
        } else if (*name && strcmp(name, ".")) {
            size_t before = strlen(at);
            at[before] = '/';
            memcpy(at + before + 1, name, length + 1);
            struct stat status;
            if (lstat(at, &status)) fail(STATUS_NOT_FOUND, "'%s': %s", path->name, strerror(errno));
            if (S_ISLNK(status.st_mode)) {
                char target[PATH_MAX];
                ssize_t size = readlink(at, target, sizeof target - 1);
                if (size <= 0 || ++links > 40) fail(STATUS_NOT_FOUND, "'%s': %s", path->name, strerror(size < 0 ? errno : ELOOP));
                target[size] = 0;
                if (!is_covered(plan, at, 0)) add(plan, (struct step){.kind = LINK, .name = at, .target = must(strdup(target))});
                at[*target == '/' ? 0 : before] = 0;
                char *joined = text("%s/%s", target, next);
                free(rest);
                rest = joined;
                continue;
            }
            if (!*next && !is_covered(plan, at, path->rights))
                add(plan, (struct step){.kind = BIND, .name = at, .rights = path->rights, .is_folder = S_ISDIR(status.st_mode)});
        }
        char *left = must(strdup(next));
        free(rest);
        rest = left;
    }
    free(rest);
}

static int by_length(const void *left, const void *right) {
    size_t one = strlen(((const struct path *)left)->name), other = strlen(((const struct path *)right)->name);
    return one < other ? -1 : one > other;
}

struct plan plan_root(const struct cage *cage) {
    struct plan plan = {NULL, 0};
    // Folders before what is in them.
    struct paths sorted = {must(malloc(cage->paths.count * sizeof(struct path) + 1)), cage->paths.count};
    if (sorted.count) memcpy(sorted.items, cage->paths.items, sorted.count * sizeof(struct path));
    qsort(sorted.items, sorted.count, sizeof(struct path), by_length);
    for (size_t index = 0; index < sorted.count; index++) follow(&plan, &sorted.items[index]);
    free(sorted.items);
    return plan;
}

const char *visible_folder(const struct cage *cage, const struct plan *plan) {
    for (size_t index = 0; index < plan->count; index++) {
        const struct step *step = &plan->steps[index];
        if (is_within(step->name, cage->folder) || (step->kind == BIND && is_within(cage->folder, step->name))) return cage->folder;
    }
    return "/";
}
