// The handshake, events, and calls.
#define _GNU_SOURCE
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <time.h>

#include "parts.h"

enum { ENOUGH_WAITS = 1 << 20 };  // beyond that a core that does not read is not told ever more
enum { ENOUGH_AT_ONCE = 64 << 10, QUICK_NS = 100000 };

static json_object *later_value;
json_object *const WEIR_LATER = (json_object *)&later_value;

// Lines

/// Sends a line of JSON-RPC: members as the format says, up to the name of the last, and its value; takes that.
__attribute__((format(printf, 3, 4)))
static void send_line(weir_addon *addon, json_object *value, const char *format, ...) {
    char head[160] = "{\"jsonrpc\":\"2.0\",";
    size_t begun = strlen(head), size;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(head + begun, sizeof head - begun, format, arguments);
    va_end(arguments);
    int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    const char *json = json_object_to_json_string_length(value, style, &size);
    append(addon->out, head, strlen(head));
    append(addon->out, json, size);
    append(addon->out, "}\n", 2);
    json_object_put(value);
    // Answers that follow each other quickly leave in one write.
    if (!addon->is_quick || !length(addon->messages) || addon->out->bpos > ENOUGH_AT_ONCE) flush(addon);
}

static void reply(weir_addon *addon, int64_t id, const char *kind, json_object *value) {
    send_line(addon, value, "\"id\":%lld,\"%s\":", (long long)id, kind);
}

void notify(weir_addon *addon, const char *method, json_object *params) {
    send_line(addon, params, "\"method\":\"%s\",\"params\":", method);
}

static void tell(weir_addon *addon, const char *method, json_object *params) {
    if (addon->out->bpos < ENOUGH_WAITS) notify(addon, method, params);
    else json_object_put(params);
}

static json_object *formatted(const char *format, va_list arguments) {
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) must(NULL);
    json_object *value = text_value(text);
    free(text);
    return value;
}

// Events

static struct weir_event *open_event(weir_addon *addon, int64_t id) {
    struct weir_event *event = addon->events;
    while (event && event->id != id) event = event->next;
    return event;
}

static void end_event(struct weir_event *event, const char *kind, json_object *value) {
    weir_addon *addon = event->addon;
    struct weir_event **at = &addon->events;
    const char *method = string(member(event->message, "method"));
    bool is_result = !strcmp(kind, "result");
    if (is_result && !strcmp(method, "configure")) {
        json_object_put(addon->settings);
        addon->settings = json_object_get(member(event->params, "options"));
    }
    if (!value && strcmp(method, "command")) value = json_object_new_object();
    if (event->id && !event->is_cancelled) reply(addon, event->id, kind, json_object_get(value));
    // What the core has lent to an event that was withdrawn it has back with an answer.
    else if (event->id && event->has_loan) reply(addon, event->id, "result", json_object_new_object());
    open_stream(event, is_result && !event->is_cancelled ? value : NULL);
    json_object_put(value);
    while (*at != event) at = &(*at)->next;
    *at = event->next;
    json_object_put(event->message);
    free(event);
}

void weir_answer(struct weir_event *event, json_object *result) { end_event(event, "result", result); }

json_object *weir_fail(struct weir_event *event, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    json_object *message = formatted(format, arguments);
    va_end(arguments);
    fprintf(stderr, "weir: %s: %s\n", event->name, string(message));
    end_event(event, "error", object("code", number(-32000), "message", message));
    return WEIR_LATER;
}

void weir_extend(struct weir_event *event, int ms) {
    notify(event->addon, "event.extend", object("id", number(event->id), "ms", number(ms)));
}

static void handle(weir_addon *addon, struct hook *hook, json_object *message) {
    json_object *params = member(message, "params"), *flow = member(params, "flow"), *result = NULL;
    struct weir_event *event = new(struct weir_event);
    *event = (struct weir_event){.addon = addon, .name = hook->name, .params = params, .flow = flow};
    event->attempt = integer(params, "attempt") ?: 1;
    event->id = integer(message, "id");
    event->next = addon->events;
    event->message = json_object_get(message);
    addon->events = event;
    event->has_loan = weir_at(flow, "request.content.at") || weir_at(flow, "response.content.at");
    take_body(event, weir_at(flow, "request.content"), hook->body);
    take_body(event, weir_at(flow, "response.content"), hook->body);
    if (hook->handler) result = hook->handler(event, hook->context);
    if (result != WEIR_LATER) weir_answer(event, result);
}

static void withdraw(struct weir_event *event) {
    void (*cancelled)(struct weir_event *) = event->cancelled;
    event->is_cancelled = true;
    event->cancelled = NULL;
    if (cancelled) cancelled(event);
}

// The handshake

weir_addon *weir_new(const char *name, const char *version) {
    static weir_addon addon;
    json_object *limits = object("max_line", number(MAX_LINE));
    addon.hello = object("protocol", number(1), "name", text(name), "version", text(version), "limits", limits);
    addon.settings = json_object_new_object();
    addon.messages = json_object_new_array();
    addon.tokener = must(json_tokener_new_ex(DEPTH));
    addon.in = must(printbuf_new());
    addon.out = must(printbuf_new());
    addon.polled = must(calloc(addon.polled_count = 2, sizeof *addon.polled));
    addon.credit = 256 << 10;
    addon.fd_bodies = -1;
    return &addon;
}

static void ask(weir_addon *addon, const char *list, json_object *entry) {
    if (!member(addon->hello, list)) json_object_object_add(addon->hello, list, json_object_new_array());
    json_object_array_add(member(addon->hello, list), entry);
}

static struct hook *find(struct hook *hook, const char *name) {
    while (hook && strcmp(hook->name, name)) hook = hook->next;
    return hook;
}

static void add(struct hook **list, struct hook hook) {
    if (find(*list, hook.name)) {
        fprintf(stderr, "weir: '%s' has a handler already\n", hook.name);
        exit(78);
    }
    hook.name = must(strdup(hook.name));
    hook.next = *list;
    *list = new(struct hook);
    **list = hook;
}

static json_object *words(const char *text) {
    json_object *list = text ? json_object_new_array() : NULL;
    for (const char *at = text; at && *(at += strspn(at, " ")); at += strcspn(at, " "))
        json_object_array_add(list, json_object_new_string_len(at, strcspn(at, " ")));
    return list;
}

static json_object *flag(bool is_set) { return is_set ? json_object_new_boolean(true) : NULL; }

void weir_add_hook(weir_addon *addon, const char *name, weir_handler *handler, void *context, struct weir_hook hook) {
    add(&addon->hooks, (struct hook){(char *)name, handler, context, hook.body, NULL});
    json_object *preview = hook.preview ? object("preview", number(hook.preview)) : NULL;
    ask(addon, "hooks", object(
        "name", text(name), "filter", text(hook.filter), "fields", words(hook.fields),
        "content", preview ?: text(hook.content), "decode", flag(hook.decode), "observe", flag(hook.observe),
        "timeout_ms", hook.timeout_ms ? number(hook.timeout_ms) : NULL, "on_failure", text(hook.on_failure),
        "idempotent", flag(hook.idempotent), "order", number(hook.order)));
}

void weir_permit(weir_addon *addon, const char *method) { ask(addon, "permissions", text(method)); }

void weir_option(weir_addon *addon, const char *name, const char *type, json_object *value, const char *help,
                 const char *choices) {
    json_object *entry = object("name", text(name), "type", text(type), "help", text(help), "choices", words(choices));
    if (value) json_object_object_add(entry, "default", value);
    json_object_object_add(addon->settings, name, json_object_get(value));  // until `configure` says what it is
    ask(addon, "options", entry);
}

json_object *weir_setting(weir_addon *addon, const char *name) { return member(addon->settings, name); }

void weir_command(weir_addon *addon, const char *name, weir_handler *handler, void *context, const char *help,
                  const char *arguments, const char *result) {
    add(&addon->commands, (struct hook){(char *)name, handler, context, NULL, NULL});
    json_object *takes = text(arguments), *gives = text(result);
    ask(addon, "commands", object("name", text(name), "help", text(help), "arguments", takes, "result", gives));
}

static json_object *hello(weir_addon *addon, json_object *params) {
    json_object *offered = member(params, "capabilities"), *credit = weir_at(params, "limits.stream_credit");
    const char *bodies = getenv("WEIR_ADDON_FDS");
    if (credit) addon->credit = json_object_get_int64(credit);
    for (size_t index = 0; bodies && index < length(offered); index++) {
        if (is(element(offered, index), "fd")) addon->fd_bodies = atoi(bodies);
        if (is(element(offered, index), "area")) addon->has_area = true;
    }
    if (addon->fd_bodies >= 0) ask(addon, "capabilities", text("fd"));
    if (addon->has_area) ask(addon, "capabilities", text("area"));
    bool has_options = member(addon->hello, "options");
    if (has_options && !find(addon->hooks, "configure")) weir_on(addon, "configure", NULL, NULL);
    return json_object_get(addon->hello);
}

// Messages

static void receive(weir_addon *addon, json_object *message) {
    json_object *params = member(message, "params"), *refused = member(params, "refused"), *result = NULL;
    const char *method = string(member(message, "method")) ?: "", *command = string(member(params, "name")) ?: "";
    struct weir_event *withdrawn = strcmp(method, "cancel") ? NULL : open_event(addon, integer(params, "id"));
    if (withdrawn) return withdraw(withdrawn);
    if (!strncmp(method, "stream.", 7)) return hear_stream(addon, method + 7, params);
    struct hook *hook = strcmp(method, "command") ? find(addon->hooks, method) : find(addon->commands, command);
    if (hook) return handle(addon, hook, message);
    if (length(refused)) fprintf(stderr, "weir: hooks were refused: %s\n", json_object_to_json_string(refused));
    int64_t id = integer(message, "id");
    if (!id || !*method) return;
    if (!strcmp(method, "initialize")) result = hello(addon, params);
    if (!strcmp(method, "ping") || !strcmp(method, "shutdown")) result = json_object_new_object();
    if (result) return reply(addon, id, "result", result);
    reply(addon, id, "error", object("code", number(-32601), "message", text("no such method or command")));
}

void receive_line(weir_addon *addon, const char *line, size_t size) {
    json_tokener_reset(addon->tokener);
    json_object *message = json_tokener_parse_ex(addon->tokener, line, size), *method = member(message, "method");
    if (!json_object_is_type(message, json_type_object)) {
        fprintf(stderr, "weir: %.*s\n", size < 200 ? (int)size : 200, line);
        json_object_put(message);
        return over(addon, "the line above is no JSON object");
    }
    if (!method && addon->awaited && integer(message, "id") == addon->awaited) {
        addon->answer = message;
        addon->awaited = 0;
        return;
    }
    json_object *params = member(message, "params");
    struct weir_event *withdrawn = is(method, "cancel") ? open_event(addon, integer(params, "id")) : NULL;
    if (withdrawn) withdrawn->is_cancelled = true;  // already for a handler that waits
    json_object_array_add(addon->messages, message);
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int weir_run(weir_addon *addon) {
    if (!connect_to_core(addon))
        over(addon, "no connection: WEIR_ADDON_FD, WEIR_ADDON_SOCKET or standard input is to be a socket");
    while (!addon->is_over || length(addon->messages)) {
        json_object *message = json_object_get(element(addon->messages, 0));
        if (message) {
            json_object_array_del_idx(addon->messages, 0, 1);
            int64_t began = nanoseconds();
            receive(addon, message);
            addon->is_quick = nanoseconds() - began < QUICK_NS;
            json_object_put(message);
        } else {
            wait_once(addon, false);
        }
    }
    for (struct weir_event *event; (event = addon->events);) {
        withdraw(event);
        if (addon->events == event) weir_answer(event, NULL);
    }
    while (addon->streams) close_stream(addon->streams, "gone");
    return addon->status;
}

// Calls

json_object *weir_call(weir_addon *addon, const char *method, json_object *params, json_object **error) {
    int64_t id = addon->awaited = ++addon->last_call;
    if (!params) params = json_object_new_object();
    send_line(addon, params, "\"id\":%lld,\"method\":\"%.64s\",\"params\":", (long long)id, method);
    while (addon->awaited && !addon->is_over) wait_once(addon, true);
    json_object *answer = addon->answer, *failure = json_object_get(member(answer, "error"));
    json_object *result = json_object_get(member(answer, "result"));
    if (!answer) failure = object("code", number(-32009), "message", text("the connection has ended"));
    json_object_put(answer);
    addon->answer = NULL;
    addon->awaited = 0;
    if (error) *error = failure;
    else json_object_put(failure);
    return result;
}

void weir_log(weir_addon *addon, const char *level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tell(addon, "log", object("level", text(level), "msg", formatted(format, arguments)));
    va_end(arguments);
}

void weir_count(weir_addon *addon, const char *name, double value, json_object *labels) {
    if (!isfinite(value)) return (void)json_object_put(labels);  // JSON has no such number
    json_object *list = json_object_new_array();
    json_object_array_add(list, object("name", text(name), "value", json_object_new_double(value), "labels", labels));
    tell(addon, "metrics.add", object("metrics", list));
}
