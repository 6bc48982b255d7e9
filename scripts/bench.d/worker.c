// The benchmark's addon: hooks the events named by its arguments, answers those of requests with nothing, and adds
// `x-addon: 1` to responses. It parses each event whole, as an addon would, and writes one batch of answers for each read.
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void answer(struct json_tokener *tokener, const char *line, size_t size, int hook_count, char **hooks) {
    json_tokener_reset(tokener);
    struct json_object *message = json_tokener_parse_ex(tokener, line, (int)size), *id, *method, *headers;
    if (!message) exit(1);
    if (json_object_object_get_ex(message, "id", &id) && json_object_object_get_ex(message, "method", &method)) {
        put_text("{\"jsonrpc\":\"2.0\",\"id\":");
        put_text(json_object_get_string(id));
        put_text(",\"result\":{");
        if (!strcmp(json_object_get_string(method), "initialize")) {
            put_text("\"protocol\":1,\"hooks\":[");
            for (int i = 0; i < hook_count; i++) {
                put_text(i ? ",{\"name\":\"" : "{\"name\":\"");
                put_text(hooks[i]);
                // The headers are all that it looks at, so it asks for no more, as other proxies' agents do.
                put_text(strncmp(hooks[i], "response", 8) ? "\",\"fields\":[\"flow.request.method\",\"flow.request.path\",\"flow.request.headers\"]}"
                                                          : "\",\"fields\":[\"flow.response.status_code\",\"flow.response.headers\"]}");
            }
            put_text("]");
        } else if (!strncmp(json_object_get_string(method), "response", 8) &&
                   !json_pointer_get(message, "/params/flow/response/headers", &headers)) {
            struct json_object *pair = json_object_new_array();
            json_object_array_add(pair, json_object_new_string("x-addon"));
            json_object_array_add(pair, json_object_new_string("1"));
            json_object_array_add(headers, pair);
            put_text("\"flow\":{\"response\":{\"headers\":");
            put_text(json_object_to_json_string_ext(headers, JSON_C_TO_STRING_PLAIN));
            put_text("}}");
        }
        put_text("}}\n");
    }
    json_object_put(message);
}

int main(int count, char **arguments) {
    const char *number = getenv("WEIR_ADDON_FD");
    int link = number ? atoi(number) : 3;
    struct json_tokener *tokener = json_tokener_new_ex(65);
    size_t held = 0, space = 1 << 18;
    char *in = malloc(space);
    if (!tokener || !in) return 1;
    for (;;) {
        ssize_t size = read(link, in + held, space - held);
        if (size <= 0) return 0;
        held += (size_t)size;
        char *start = in, *end;
        while ((end = memchr(start, '\n', held - (size_t)(start - in)))) {
            answer(tokener, start, (size_t)(end - start), count - 1, arguments + 1);
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
