// Finds the program, what the kernel will run for it, and what its interpreter needs.
//
// A program in PATH that is a script, such as a version manager's stand-in for python, gives way to a real one further behind:
// what it would need cannot be known.
#define _GNU_SOURCE
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_binary(const char *path) {
    char head[5];
    // What may be run but not read is no script.
    return !read_start(path, head, sizeof head) || !strncmp(head, "\177ELF", 4);
}

static bool is_program(const char *path) {
    struct stat status;
    return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

/// Where a program's name leads: itself if it has a slash, else in PATH. NULL if nowhere.
static char *look_up(const struct cage *cage, const char *name) {
    if (strchr(name, '/')) return *name == '/' ? must(strdup(name)) : text("%s/%s", cage->folder, name);
    const char *path = getenv("PATH");
    if (!path || !*path) path = "/usr/local/bin:/usr/bin:/bin";
    char *script = NULL;
    for (const char *start = path; *start;) {
        size_t length = strcspn(start, ":");
        char *folder = length ? text("%.*s", (int)length, start) : text(".");
        char *found = *folder == '/' ? text("%s/%s", folder, name) : text("%s/%s/%s", cage->folder, folder, name);
        free(folder);
        if (is_program(found)) {
            if (is_binary(found)) return found;
            if (!script) script = must(strdup(found));
        }
        free(found);
        start += length + (start[length] == ':');
    }
    return script;
}

void find_program(struct cage *cage) {
    cage->program = look_up(cage, cage->argv[0]);
    if (!cage->program) fail(STATUS_NOT_FOUND, "'%s' was not found", cage->argv[0]);
    // Python looks up its own name in PATH, and might find what we did not take.
    cage->argv[0] = cage->program;
    struct stat status;
    if (stat(cage->program, &status)) fail(STATUS_NOT_FOUND, "'%s': %s", cage->program, strerror(errno));
    if (!S_ISREG(status.st_mode) || access(cage->program, X_OK)) fail(STATUS_NOT_EXECUTABLE, "'%s' is not executable", cage->program);
}

/// The folder of a path that was resolved; NULL for the root.
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash != path ? text("%.*s", (int)(slash - path), path) : NULL;
}

static bool starts(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

/// Those whose libraries are beside the folder of their program.
static bool is_interpreter(const char *name) {
    static const char *const names[] = {"python", "pypy", "node", "ruby", "perl", "php", "lua", "java"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (starts(name, names[index])) return true;
    return false;
}

/// `PREFIX/bin/python3` → PREFIX/lib, whichever of its names is meant.
static void add_libraries(struct cage *cage, const char *program) {
    char *folder = folder_of(program), *prefix = folder ? folder_of(folder) : NULL;
    if (prefix && is_interpreter(strrchr(program, '/') + 1)) {
        static const char *const libraries[] = {"lib", "lib64"};
        for (size_t index = 0; index < 2; index++) {
            char *library = text("%s/%s", prefix, libraries[index]);
            if (!access(library, F_OK)) add_path(&cage->paths, library, MAY_READ);
            free(library);
        }
    }
    free(prefix);
    free(folder);
}

/// A virtual environment names the python that it is of.
static void add_python_of(struct cage *cage, const char *environment) {
    char *name = text("%s/pyvenv.cfg", environment), head[4096];
    if (read_start(name, head, sizeof head)) {
        for (char *line = strtok(head, "\n"); line; line = strtok(NULL, "\n")) {
            char *value = strchr(line, '=');
            if (!starts(line, "home") || !value) continue;
            value += 1 + strspn(value + 1, " \t");
            char *library = *value == '/' ? text("%s/python", value) : NULL;
            if (library) add_libraries(cage, library);
            free(library);
        }
    }
    free(name);
}

/// The program and, of a script, its interpreter, and that one's.
static void add_program(struct cage *cage, const char *path, unsigned depth) {
    add_path(&cage->paths, path, MAY_READ | MAY_EXECUTE);
    char *real = realpath(path, NULL);
    if (real) add_libraries(cage, real);
    free(real);
    char *folder = folder_of(path), *parent = folder ? folder_of(folder) : NULL;
    if (parent) {
        char *marker = text("%s/pyvenv.cfg", parent);
        if (!access(marker, F_OK)) {
            // An environment is one thing: with only half of it python would not find itself.
            add_path(&cage->paths, parent, MAY_READ | MAY_EXECUTE);
            add_python_of(cage, parent);
        }
        free(marker);
    }
    free(parent);
    free(folder);

    char head[256];
    if (depth > 4 || !read_start(path, head, sizeof head) || !starts(head, "#!")) return;
    head[strcspn(head, "\n")] = 0;
    char *rest = NULL, *interpreter = strtok_r(head + 2, " \t", &rest);
    if (!interpreter || *interpreter != '/') return;
    add_program(cage, interpreter, depth + 1);
    if (strcmp(strrchr(interpreter, '/'), "/env")) return;
    char *word = strtok_r(NULL, " \t", &rest);
    while (word && (*word == '-' || strchr(word, '='))) word = strtok_r(NULL, " \t", &rest);
    char *found = word ? look_up(cage, word) : NULL;
    if (found) add_program(cage, found, depth + 1);
    free(found);
}

void add_surroundings(struct cage *cage) {
    size_t given = cage->paths.count;
    for (size_t index = 0; index < given; index++) {
        char *path = must(strdup(cage->paths.items[index].name));
        struct stat status;
        if (stat(path, &status)) fail(STATUS_NOT_FOUND, "'%s': %s", path, strerror(errno));
        if (S_ISDIR(status.st_mode)) {
            add_python_of(cage, path);
        } else if (S_ISREG(status.st_mode) && is_program(path)) {
            add_program(cage, path, 0);
        }
        free(path);
    }
    if (cage->program) add_program(cage, cage->program, 0);
}
