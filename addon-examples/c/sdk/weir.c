// The handshake, events, and calls.
#define _GNU_SOURCE
#include <math.h>
#include <stdarg.h>

#include "parts.h"

static json_object *later_value;
json_object *const WEIR_LATER = (json_object *)&later_value;

// Lines

/// Sends `HEAD VALUE }`; takes the value.
static void send_value(weir_addon *addon, const char *head, json_object *value) {
    size_t size;
    const char *text = json_object_to_json_string_length(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
    append(&addon->out, head, strlen(head));
    append(&addon->out, value ? text : "null", value ? size : 4);
    append(&addon->out, "}\n", 2);
    json_object_put(value);
    flush(addon);
}

void notify(weir_addon *addon, const char *method, json_object *params) {
    char head[128];
    snprintf(head, sizeof head, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":", method);
    send_value(addon, head, params);
}

static void reply(weir_addon *addon, int64_t id, const char *kind, json_object *value) {
    char head[80];
    snprintf(head, sizeof head, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"%s\":", (long long)id, kind);
    send_value(addon, head, value);
}

static json_object *error_value(int code, const char *message) {
    return with(with(json_object_new_object(), "code", json_object_new_int(code)), "message", text_value(message));
}

// Events

static void end_event(struct weir_event *of, const char *kind, json_object *value) {
    struct event *event = (struct event *)of, **at = &of->addon->events;
    weir_addon *addon = of->addon;
    bool is_accepted = !strcmp(kind, "result");
    if (is_accepted && !strcmp(of->name, "configure")) {
        json_object_put(addon->settings);
        addon->settings = json_object_get(member(of->params, "options"));
    }
    if (!value && !event->is_command) value = json_object_new_object();
    json_object *kept = json_object_get(value);
    if (event->id && !of->is_cancelled) reply(addon, event->id, kind, value);
    else json_object_put(value);
    open_stream(event, is_accepted && !of->is_cancelled ? kept : NULL);
    json_object_put(kept);
    close_descriptors(addon, of->params);
    while (*at != event) at = &(*at)->next;
    *at = event->next;
    json_object_put(event->message);
    free(event);
}

void weir_answer(struct weir_event *event, json_object *result) { end_event(event, "result", result); }

json_object *weir_fail(struct weir_event *event, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    must(text);
    fprintf(stderr, "weir: %s: %s\n", event->name, text);
    end_event(event, "error", error_value(-32000, text));
    free(text);
    return WEIR_LATER;
}

void weir_extend(struct weir_event *of, int ms) {
    json_object *params = with(json_object_new_object(), "id", number_value(((struct event *)of)->id));
    notify(of->addon, "event.extend", with(params, "ms", json_object_new_int(ms)));
}

static void handle(weir_addon *addon, struct hook *hook, int64_t id, json_object *message, bool is_command) {
    struct event *event = new(struct event), **last = &addon->events;
    while (*last) last = &(*last)->next;
    *last = event;
    event->id = id;
    event->is_command = is_command;
    event->message = json_object_get(message);
    struct weir_event *of = &event->of;
    json_object *params = member(message, "params"), *attempt = member(params, "attempt"), *number;
    *of = (struct weir_event){.addon = addon, .name = hook->name, .params = params, .flow = member(params, "flow")};
    of->attempt = attempt ? json_object_get_int(attempt) : 1;
    for (int side = 0; side < 2; side++) {
        number = member(weir_at(params, body_paths[side]), "stream");
        if (number) offer_stream(event, json_object_get_int64(number), hook->options.body);
    }
    json_object *result = hook->handler ? hook->handler(of, hook->context) : NULL;
    if (result != WEIR_LATER) weir_answer(of, result);
}

// The handshake

static void ask(weir_addon *addon, const char *list, json_object *entry) {
    json_object *all = member(addon->hello, list);
    if (!all) with(addon->hello, list, all = json_object_new_array());
    json_object_array_add(all, entry);
}

weir_addon *weir_new(const char *name, const char *version) {
    weir_addon *addon = new(weir_addon);
    addon->hello = with(json_object_new_object(), "protocol", json_object_new_int(1));
    if (name) with(addon->hello, "name", json_object_new_string(name));
    if (version) with(addon->hello, "version", json_object_new_string(version));
    with(addon->hello, "limits", with(json_object_new_object(), "max_line", json_object_new_int(MAX_LINE)));
    addon->settings = json_object_new_object();
    addon->messages = json_object_new_array();
    addon->tokener = must(json_tokener_new_ex(DEPTH));
    addon->fd_bodies = -1;
    return addon;
}

static struct hook *find(struct hook *hook, const char *name) {
    while (hook && strcmp(hook->name, name)) hook = hook->next;
    return hook;
}

static void add(struct hook **list, const char *name, weir_handler *handler, void *context, struct weir_hook options) {
    if (find(*list, name)) {
        fprintf(stderr, "weir: '%s' has a handler already\n", name);
        exit(78);
    }
    struct hook *hook = new(struct hook);
    *hook = (struct hook){must(strdup(name)), handler, context, options, *list};
    *list = hook;
}

static json_object *words(const char *text) {
    json_object *list = json_object_new_array();
    for (const char *at = text; *(at += strspn(at, " ")); at += strcspn(at, " "))
        json_object_array_add(list, json_object_new_string_len(at, strcspn(at, " ")));
    return list;
}

void weir_add_hook(weir_addon *addon, const char *name, weir_handler *handler, void *context, struct weir_hook options) {
    add(&addon->hooks, name, handler, context, options);
    json_object *entry = with(json_object_new_object(), "name", json_object_new_string(name)), *content = options.content ? json_object_new_string(options.content) : NULL;
    if (options.preview) content = with(json_object_new_object(), "preview", json_object_new_int(options.preview));
    if (content) with(entry, "content", content);
    if (options.filter) with(entry, "filter", json_object_new_string(options.filter));
    if (options.on_failure) with(entry, "on_failure", json_object_new_string(options.on_failure));
    if (options.timeout_ms) with(entry, "timeout_ms", json_object_new_int(options.timeout_ms));
    if (options.order) with(entry, "order", json_object_new_int(options.order));
    if (options.decode) with(entry, "decode", json_object_new_boolean(true));
    if (options.observe) with(entry, "observe", json_object_new_boolean(true));
    if (options.idempotent) with(entry, "idempotent", json_object_new_boolean(true));
    if (options.fields) with(entry, "fields", words(options.fields));
    ask(addon, "hooks", entry);
}

void weir_permit(weir_addon *addon, const char *method) { ask(addon, "permissions", json_object_new_string(method)); }

void weir_option(weir_addon *addon, const char *name, const char *type, json_object *value, const char *help, const char *choices) {
    json_object *entry = with(with(json_object_new_object(), "name", json_object_new_string(name)), "type", json_object_new_string(type));
    with(addon->settings, name, json_object_get(value));  // until `configure` says what it is
    if (value) with(entry, "default", value);
    if (help) with(entry, "help", json_object_new_string(help));
    if (choices) with(entry, "choices", words(choices));
    ask(addon, "options", entry);
}

json_object *weir_setting(weir_addon *addon, const char *name) { return member(addon->settings, name); }

void weir_command(weir_addon *addon, const char *name, weir_handler *handler, void *context, const char *help, const char *arguments, const char *result) {
    add(&addon->commands, name, handler, context, (struct weir_hook){0});
    json_object *entry = with(json_object_new_object(), "name", json_object_new_string(name));
    if (help) with(entry, "help", json_object_new_string(help));
    if (arguments) with(entry, "arguments", json_object_new_string(arguments));
    if (result) with(entry, "result", json_object_new_string(result));
    ask(addon, "commands", entry);
}

void weir_at_end(weir_addon *addon, void (*clean_up)(void *), void *context) {
    addon->clean_up = clean_up;
    addon->clean_up_context = context;
}

static void clean_up(weir_addon *addon) {
    void (*function)(void *) = addon->clean_up;
    addon->clean_up = NULL;
    if (function) function(addon->clean_up_context);
}

bool weir_is_draining(weir_addon *addon) { return addon->is_draining; }

static json_object *hello(weir_addon *addon, json_object *params) {
    json_object *offered = member(params, "capabilities"), *credit = weir_at(params, "limits.stream_credit");
    const char *bodies_socket = getenv("WEIR_ADDON_FDS");
    addon->credit = credit ? json_object_get_int64(credit) : 262144;
    for (size_t index = 0; bodies_socket && index < json_object_array_length(offered); index++)
        if (is(json_object_array_get_idx(offered, index), "fd")) addon->gives_by_fd = true;
    if (addon->gives_by_fd) {
        addon->fd_bodies = atoi(bodies_socket);
        ask(addon, "capabilities", json_object_new_string("fd"));
    }
    if (member(addon->hello, "options") && !find(addon->hooks, "configure")) weir_on(addon, "configure", NULL, NULL);
    return json_object_get(addon->hello);
}

static void warn_of_refused(weir_addon *addon, json_object *params) {
    json_object *asked = member(addon->hello, "permissions"), *granted = member(params, "permissions"), *refused = member(params, "refused");
    if (json_object_is_type(refused, json_type_array) && json_object_array_length(refused))
        fprintf(stderr, "weir: hooks were refused: %s\n", json_object_to_json_string(refused));
    if (json_object_is_type(asked, json_type_array) && json_object_array_length(granted) < json_object_array_length(asked))
        fprintf(stderr, "weir: of %s only %s was granted\n", json_object_to_json_string(asked), json_object_to_json_string(granted));
}

// Messages

static void cancel(weir_addon *addon, int64_t id) {
    struct event *event = addon->events;
    while (event && event->id != id) event = event->next;
    if (!event || event->of.is_cancelled) return;
    event->of.is_cancelled = true;
    if (event->of.cancelled) event->of.cancelled(&event->of);
}

static void receive(weir_addon *addon, json_object *message) {
    json_object *params = member(message, "params"), *number = member(message, "id");
    int64_t id = json_object_get_int64(number);
    const char *method = string(member(message, "method"));
    if (!method) return;
    if (!strncmp(method, "stream.", 7)) return hear_stream(addon, method + 7, params);
    if (!strcmp(method, "cancel")) return cancel(addon, json_object_get_int64(member(params, "id")));
    bool is_command = !strcmp(method, "command");
    struct hook *hook = is_command ? find(addon->commands, string(member(params, "name")) ?: "") : find(addon->hooks, method);
    if (hook) return handle(addon, hook, id, message, is_command);
    if (!strcmp(method, "initialized")) return warn_of_refused(addon, params);
    if (!strcmp(method, "drain")) addon->is_draining = true;
    if (!number) return;
    bool is_shutdown = !strcmp(method, "shutdown");
    if (is_shutdown) clean_up(addon);
    if (!strcmp(method, "initialize")) reply(addon, id, "result", hello(addon, params));
    else if (is_shutdown || !strcmp(method, "ping")) reply(addon, id, "result", json_object_new_object());
    else reply(addon, id, "error", error_value(-32601, is_command ? "no such command" : "no such method"));
}

void receive_line(weir_addon *addon, const char *line, size_t size) {
    json_tokener_reset(addon->tokener);
    json_object *message = json_tokener_parse_ex(addon->tokener, line, size), *params = member(message, "params"), *method = member(message, "method");
    if (!json_object_is_type(message, json_type_object)) {
        fprintf(stderr, "weir: %.*s\n", size < 200 ? (int)size : 200, line);
        return json_object_put(message), over(addon, "the line above is no JSON object");
    }
    if (addon->fd_bodies >= 0) receive_descriptors(addon, params);
    if (!method && addon->awaited && json_object_get_int64(member(message, "id")) == addon->awaited) {
        addon->answer = message;
        addon->awaited = 0;
        return;
    }
    if (is(method, "cancel")) cancel(addon, json_object_get_int64(member(params, "id")));
    json_object_array_add(addon->messages, message);
}

// Calls

json_object *weir_call(weir_addon *addon, const char *method, json_object *params, json_object **error) {
    char head[160];
    int64_t id = addon->awaited = ++addon->next_call;
    snprintf(head, sizeof head, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%.64s\",\"params\":", (long long)id, method);
    send_value(addon, head, params ?: json_object_new_object());
    while (addon->awaited == id && !addon->is_over) wait_once(addon, true);
    json_object *answer = addon->answer, *result = json_object_get(member(answer, "result")), *failure = json_object_get(member(answer, "error"));
    addon->answer = NULL;
    addon->awaited = 0;
    if (!answer) failure = error_value(-32009, "the connection has ended");
    json_object_put(answer);
    if (error) *error = failure;
    else json_object_put(failure);
    return result;
}

void weir_log(weir_addon *addon, const char *level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    json_object *params = with(json_object_new_object(), "level", json_object_new_string(level));
    with(params, "msg", text_value(must(text)));
    free(text);
    // A core that does not read is not told ever more.
    if (addon->out.size < ENOUGH_WAITS) notify(addon, "log", params);
    else json_object_put(params);
}

void weir_count(weir_addon *addon, const char *name, double value, json_object *labels) {
    if (!isfinite(value)) return (void)json_object_put(labels);  // JSON has no such number
    json_object *entry = with(with(json_object_new_object(), "name", json_object_new_string(name)), "value", json_object_new_double(value));
    if (labels) with(entry, "labels", labels);
    json_object *list = json_object_new_array();
    json_object_array_add(list, entry);
    json_object *params = with(json_object_new_object(), "metrics", list);
    if (addon->out.size < ENOUGH_WAITS) notify(addon, "metrics.add", params);
    else json_object_put(params);
}

static void free_hooks(struct hook *hook) {
    while (hook) {
        struct hook *next = hook->next;
        free(hook->name);
        free(hook);
        hook = next;
    }
}

static int free_addon(weir_addon *addon) {
    while (addon->watches) weir_watch(addon, addon->watches->fd, NULL, NULL);
    for (struct timer *timer; (timer = addon->timers); free(timer)) addon->timers = timer->next;
    free_hooks(addon->hooks);
    free_hooks(addon->commands);
    json_object_put(addon->hello);
    json_object_put(addon->settings);
    json_object_put(addon->messages);
    json_tokener_free(addon->tokener);
    free(addon->in.data);
    free(addon->out.data);
    int status = addon->status;
    free(addon);
    return status;
}

int weir_run(weir_addon *addon) {
    if (!connect_to_core(addon)) over(addon, "no connection: WEIR_ADDON_FD, WEIR_ADDON_SOCKET or standard input is to be a socket");
    while (!addon->is_over || addon->next_message < json_object_array_length(addon->messages)) {
        while (addon->next_message < json_object_array_length(addon->messages)) {
            json_object *message = json_object_get(json_object_array_get_idx(addon->messages, addon->next_message));
            json_object_array_put_idx(addon->messages, addon->next_message++, NULL);
            receive(addon, message);
            json_object_put(message);
        }
        json_object_array_del_idx(addon->messages, 0, addon->next_message);
        addon->next_message = 0;
        if (!addon->is_over) wait_once(addon, false);
    }
    for (struct event *event; (event = addon->events);) {
        cancel(addon, event->id);
        if (addon->events == event) weir_answer(&event->of, NULL);
    }
    while (addon->streams) close_stream(addon->streams, "gone");
    clean_up(addon);
    return free_addon(addon);
}
