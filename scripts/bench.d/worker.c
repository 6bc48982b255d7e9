// The benchmark's addon: hooks the events named by its arguments, answers those of requests with nothing, and adds
// `x-addon: 1` to responses. It looks in each line for what it needs, as an addon does for which speed counts, and
// writes one batch of answers for each read.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The core's lines are valid JSON without white space (Protocol/README.md, 2), so that these few find their way in them.

static const char *behind_string(const char *at) {
    for (at++; *at != '"'; at++)
        if (*at == '\\') at++;
    return at + 1;
}

// What follows the value that begins there.
static const char *behind(const char *at) {
    if (*at == '"') return behind_string(at);
    if (*at != '{' && *at != '[') return at + strcspn(at, ",}]\n");
    for (int depth = 0;;) {
        char byte = *at;
        if (byte == '"') {
            at = behind_string(at);
            continue;
        }
        at++;
        if (byte == '{' || byte == '[') depth++;
        if ((byte == '}' || byte == ']') && !--depth) return at;
    }
}

// Where the value of that member begins; NULL if there is none, or nothing to look in.
static const char *member(const char *object, const char *name) {
    size_t size = strlen(name);
    if (!object || *object != '{') return NULL;
    for (const char *at = object + 1; *at == '"';) {
        const char *key = at + 1, *value = behind_string(at) + 1;
        if ((size_t)(value - 2 - key) == size && !memcmp(key, name, size)) return value;
        at = behind(value);
        if (*at == ',') at++;
    }
    return NULL;
}

static char *out;
static size_t used, room;

static void put(const char *text, size_t size) {
    while (used + size > room) {
        room = room ? 2 * room : 1 << 16;
        out = realloc(out, room);
        if (!out) exit(1);
    }
    memcpy(out + used, text, size);
    used += size;
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void answer(const char *message, int hook_count, char **hooks) {
    const char *id = member(message, "id"), *method = member(message, "method"), *headers;
    if (!id || !method) return;
    put_text("{\"jsonrpc\":\"2.0\",\"id\":");
    put(id, behind(id) - id);
    put_text(",\"result\":{");
    if (!strncmp(method, "\"initialize\"", 12)) {
        put_text("\"protocol\":1,\"hooks\":[");
        for (int i = 0; i < hook_count; i++) {
            put_text(i ? ",{\"name\":\"" : "{\"name\":\"");
            put_text(hooks[i]);
            // The headers are all that it looks at, so it asks for no more, as other proxies' agents do.
            put_text(strncmp(hooks[i], "response", 8) ? "\",\"fields\":[\"flow.request.method\",\"flow.request.path\",\"flow.request.headers\"]}"
                                                      : "\",\"fields\":[\"flow.response.status_code\",\"flow.response.headers\"]}");
        }
        put_text("]");
    } else if (!strncmp(method, "\"response", 9) &&
               (headers = member(member(member(member(message, "params"), "flow"), "response"), "headers")) && *behind(headers)) {
        // It has looked through all of them, and says what is to be done with them, as other proxies' agents do.
        put_text("\"flow\":{\"response\":{\"headers\":{\"add\":[[\"x-addon\",\"1\"]]}}}");
    }
    put_text("}}\n");
}

int main(int count, char **arguments) {
    const char *number = getenv("WEIR_ADDON_FD");
    int link = number ? atoi(number) : 3;
    size_t held = 0, space = 1 << 18;
    char *in = malloc(space);
    if (!in) return 1;
    // Who sleeps in read() is woken by the kernel each time that the core has read answers, since there is room for more then; who
    // sleeps in poll() is not.
    struct pollfd events = {.fd = link, .events = POLLIN};
    for (;;) {
        if (poll(&events, 1, -1) < 0) return 0;
        ssize_t size = read(link, in + held, space - held);
        if (size <= 0) return 0;
        held += (size_t)size;
        char *start = in, *end;
        while ((end = memchr(start, '\n', held - (size_t)(start - in)))) {
            answer(start, count - 1, arguments + 1);
            start = end + 1;
        }
        held -= (size_t)(start - in);
        memmove(in, start, held);
        if (held == space && !(in = realloc(in, space *= 2))) return 1;
        for (size_t done = 0; done < used;) {
            ssize_t wrote = write(link, out + done, used - done);
            if (wrote < 0) return 0;
            done += (size_t)wrote;
        }
        used = 0;
    }
}
