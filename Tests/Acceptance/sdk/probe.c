// The probe of support/sdk.py, in C.
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <weir.h>

static struct weir_event *held[64];
static int held_count;

static const char *path_of(struct weir_event *event) { return json_object_get_string(weir_at(event->flow, "request.path")); }

static json_object *say(const char *text) { return weir_respond(200, NULL, text, strlen(text)); }

static void forget(struct weir_event *event) {
    weir_log(event->addon, "warn", "cancelled %s", path_of(event));
    for (int index = 0; index < held_count; index++)
        if (held[index] == event) held[index--] = held[--held_count];
    weir_answer(event, NULL);
}

static json_object *hold(struct weir_event *event) {
    event->cancelled = forget;
    held[held_count++] = event;
    return WEIR_LATER;
}

static int waiting;
static void in_time(int timer, void *event) {
    weir_watch(((struct weir_event *)event)->addon, timer, NULL, NULL);
    close(timer);
    waiting--;
    weir_answer(event, say("in time"));
}
static json_object *wait_a_while(struct weir_event *event) {
    waiting++;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timerfd_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = 700000000}, NULL);
    weir_watch(event->addon, timer, in_time, event);
    return WEIR_LATER;
}

static json_object *release(void) {
    char text[100];
    int count = held_count;
    while (held_count) {
        struct weir_event *event = held[--held_count];
        snprintf(text, sizeof text, "held %s", path_of(event));
        weir_answer(event, say(text));
    }
    snprintf(text, sizeof text, "released %d", count);
    return say(text);
}

static json_object *headers(struct weir_event *event) {
    json_object *list = weir_at(event->flow, "request.headers"), *many = weir_header_values(list, "X-MANY");
    char count[20];
    snprintf(count, sizeof count, "%zu", json_object_array_length(many));
    json_object_put(many);
    weir_header_add(list, "X-Seen", weir_header(list, "x-one"));
    weir_header_add(list, "X-Count", count);
    weir_header_set(list, "X-SET", "new");
    weir_header_set(list, "X-Fresh", "1");
    weir_header_remove(list, "x-gone");
    return weir_patch("flow.request.headers", json_object_get(list));
}

static json_object *bytes(struct weir_event *event, const char *path) {
    struct weir_bytes whole;
    if (!weir_bytes(event, weir_at(event->flow, "request.content"), &whole)) return weir_fail(event, "no body");
    json_object *result;
    if (!strcmp(path, "/size")) {
        char text[60];
        uint32_t low = 1, high = 0;  // Adler-32
        for (size_t index = 0; index < whole.size; index++) high = (high + (low = (low + whole.data[index]) % 65521)) % 65521;
        snprintf(text, sizeof text, "%zu %u", whole.size, high << 16 | low);
        result = say(text);
    } else {
        char *reversed = malloc(whole.size + 1);
        for (size_t index = 0; index < whole.size; index++) reversed[index] = (char)whole.data[whole.size - 1 - index];
        result = weir_patch("flow.request.content", weir_content(event, reversed, whole.size));
        free(reversed);
    }
    return result;
}

static json_object *id_params(struct weir_event *event) {
    json_object *params = json_object_new_object();
    json_object_object_add(params, "id", json_object_get(weir_at(event->flow, "id")));
    return params;
}

static json_object *calls(struct weir_event *event) {
    json_object *params = id_params(event), *error = NULL;
    json_object_object_add(params, "comment", json_object_new_string("from inside"));
    json_object_put(weir_call(event->addon, "flow.comment", params, NULL));
    json_object *state = weir_call(event->addon, "flow.get", id_params(event), NULL);
    json_object_put(weir_call(event->addon, "flow.resume", id_params(event), &error));
    char text[200];
    snprintf(text, sizeof text, "%s %s %d", json_object_get_string(weir_at(state, "flow.comment")),
             json_object_get_string(weir_at(error, "data.kind")), json_object_get_int(weir_at(error, "code")));
    json_object_put(state);
    json_object_put(error);
    return say(text);
}

static json_object *whole(struct weir_event *event) {
    json_object *metadata = json_tokener_parse("{\"n\":9007199254740991,\"f\":0.1,\"deep\":{\"a\":[1,null,\"\\u2028\\u0000\"]}}");
    json_object_object_add(weir_at(event->flow, ""), "metadata", metadata);
    weir_header_add(weir_at(event->flow, "request.headers"), "X-Whole", "1");
    json_object *result = json_object_new_object();
    json_object_object_add(result, "flow", json_object_get(event->flow));
    return result;
}

static json_object *on_request(struct weir_event *event, void *context) {
    (void)context;
    const char *path = path_of(event);
    char text[200];
    if (!strncmp(path, "/hold", 5)) return hold(event);
    if (!strcmp(path, "/held")) return snprintf(text, sizeof text, "%d", held_count + waiting), say(text);
    if (!strcmp(path, "/release")) return release();
    if (!strcmp(path, "/wait")) return wait_a_while(event);
    if (!strcmp(path, "/fail")) return weir_fail(event, "broken %s", "on purpose");
    if (!strcmp(path, "/respond")) {
        json_object *list = json_object_new_array();
        weir_header_add(list, "X-Made", "yes");
        return weir_respond(418, list, "teapot", 6);
    }
    if (!strcmp(path, "/kill")) return weir_kill();
    if (!strcmp(path, "/headers")) return headers(event);
    if (!strcmp(path, "/reverse") || !strcmp(path, "/size")) return bytes(event, path);
    if (!strcmp(path, "/call")) return calls(event);
    if (!strcmp(path, "/whole")) return whole(event);
    if (!strcmp(path, "/settings")) {
        json_object *words = weir_setting(event->addon, "probe_words");
        snprintf(text, sizeof text, "%s %s %zu", json_object_get_string(weir_setting(event->addon, "probe_limit")),
                 json_object_get_string(json_object_array_get_idx(words, 0)), json_object_array_length(words));
        return say(text);
    }
    if (!strcmp(path, "/count")) {
        json_object *labels = json_object_new_object();
        json_object_object_add(labels, "path", json_object_new_string(path));
        weir_count(event->addon, "probe_seen", 2, labels);
        weir_log(event->addon, "warn", "said by the probe");
    }
    return NULL;
}

static json_object *on_late(struct weir_event *event, void *context) {
    (void)context;
    if (!strcmp(path_of(event), "/late/never")) return hold(event);
    weir_extend(event, 4000);
    return wait_a_while(event);
}

// Bodies in parts: what was seen so far

struct state { const char *kind; size_t size; bool is_first; };

static json_object *start(struct weir_event *event, const char *kind) {
    if (!event->stream) return NULL;
    struct state *state = calloc(1, sizeof *state);
    *state = (struct state){kind, 0, true};
    event->stream->data = state;
    return NULL;
}

static const char *const kinds[] = {"upper", "double", "tail", "early", "detach", "error", "trailers", "replace"};

static json_object *on_response(struct weir_event *event, void *context) {
    (void)context;
    const char *path = path_of(event), *kind = kinds[0];
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++)
        if (strrchr(path, '/') && !strcmp(strrchr(path, '/') + 1, kinds[index])) kind = kinds[index];
    start(event, kind);
    return strcmp(kind, "replace") ? NULL : weir_patch("flow.response.content", json_object_new_string("replaced"));
}

static void piece(struct weir_stream *stream, const uint8_t *data, size_t size) {
    struct state *state = stream->data;
    bool is_first = state->is_first;
    state->is_first = false;
    state->size += size;
    if (!strcmp(state->kind, "tail")) return;
    if (!strcmp(state->kind, "early")) return weir_write(stream, "enough", 6), weir_finish(stream);
    if (!strcmp(state->kind, "error")) return weir_write(stream, "some", 4), weir_break(stream, "no more");
    if (!strcmp(state->kind, "detach") && is_first) weir_detach(stream);
    bool is_double = !strcmp(state->kind, "double");
    char *made = malloc(size * 2 + 1);
    for (size_t index = 0; index < size; index++) {
        if (is_double) made[index * 2] = made[index * 2 + 1] = (char)data[index];
        else made[index] = (char)(data[index] < 0x80 ? toupper(data[index]) : data[index]);
    }
    weir_write(stream, made, is_double ? size * 2 : size);
    free(made);
}

static void ended(struct weir_stream *stream, json_object *trailers, bool is_detached) {
    struct state *state = stream->data;
    char text[60];
    if (!strcmp(state->kind, "tail")) weir_write(stream, text, snprintf(text, sizeof text, "%zu octets", state->size));
    if (is_detached) weir_log(stream->addon, "warn", "detached");
    if (strcmp(state->kind, "trailers")) return weir_finish(stream);
    json_object *list = json_object_new_array();
    weir_header_add(list, "x-came", weir_header(trailers, "X-Sum"));
    weir_finish_with(stream, list);
}

static void closed(struct weir_stream *stream, const char *why) {
    if (why) weir_log(stream->addon, "warn", "closed %s: %s", stream->data ? ((struct state *)stream->data)->kind : "", why);
    free(stream->data);
}

static json_object *on_preview(struct weir_event *event, void *context) {
    (void)context;
    const char *path = path_of(event);
    json_object *content = weir_at(event->flow, "response.content"), *preview = weir_at(content, "preview");
    if (!strcmp(path, "/whole")) {
        json_object *list = weir_at(event->flow, "response.headers");
        weir_header_add(list, "x-metadata", json_object_to_json_string_ext(weir_at(event->flow, "metadata"), JSON_C_TO_STRING_PLAIN));
        return weir_patch("flow.response.headers", json_object_get(list));
    }
    if (!strcmp(path, "/preview/whole") && preview) return weir_patch("more", json_object_new_string("whole"));
    if (!strcmp(path, "/preview/stream")) return start(event, "upper"), weir_patch("more", json_object_new_string("stream"));
    if (!strcmp(path, "/preview/pass")) return NULL;
    struct weir_bytes bytes;
    char text[200];
    if (!weir_bytes(event, preview ? preview : content, &bytes)) return weir_fail(event, "no preview");
    int size = snprintf(text, sizeof text, "it is %.*s", (int)bytes.size, bytes.data);
    return weir_patch("flow.response.content", weir_value(text, size));
}

static json_object *on_configure(struct weir_event *event, void *context) {
    (void)context;
    return json_object_get_int(weir_at(event->params, "options.probe_limit")) > 10 ? weir_fail(event, "at most 10") : NULL;
}

static json_object *on_command(struct weir_event *event, void *is_failing) {
    return is_failing ? weir_fail(event, "no luck") : json_object_get(weir_at(event->params, "args"));
}

static json_object *tell(struct weir_event *event, void *context) { return fprintf(stderr, "probe: %s%s\n", event->name, (char *)context), NULL; }

int main(void) {
    static const struct weir_body body = {piece, ended, closed};
    weir_addon *addon = weir_new("probe", "1");
    weir_on(addon, "running", tell, "");
    weir_on(addon, "done", tell, "");
    weir_on(addon, "configure", on_configure, NULL);
    weir_on(addon, "request", on_request, NULL, .content = "whole", .idempotent = true, .on_failure = "continue", .order = 1);
    weir_on(addon, "requestheaders", on_late, NULL, .filter = "~u /late", .timeout_ms = 400);
    weir_on(addon, "response", on_response, NULL, .filter = "~u /stream/", .content = "stream", .decode = true, .body = &body, .timeout_ms = 3000,
            .fields = "flow.request.path flow.response.content");
    weir_on(addon, "responseheaders", on_preview, NULL, .filter = "~u /preview | ~u /whole", .preview = 16, .body = &body);
    weir_on(addon, "client_disconnected", tell, " seen", .observe = true);
    static const char *const methods[] = {"flow.get", "flow.comment", "flow.resume", "metrics.add", "body.read"};
    for (size_t index = 0; index < sizeof methods / sizeof *methods; index++) weir_permit(addon, methods[index]);
    weir_option(addon, "probe_limit", "int", json_object_new_int(5), "What is allowed.", NULL);
    weir_option(addon, "probe_kind", "str", json_object_new_string("one"), NULL, "one two");
    weir_option(addon, "probe_words", "sequence of str", json_tokener_parse("[\"a\",\"b\"]"), NULL, NULL);
    weir_command(addon, "probe.echo", on_command, NULL, "Answers what it was given.", "any", "any");
    weir_command(addon, "probe.fail", on_command, "failing", NULL, NULL, NULL);
    int status = weir_run(addon);
    fprintf(stderr, "probe: cleaned up\n");
    return status;
}
