/// Addons for Weir in C. One thread, one poll loop, json-c for values.
///
///     static json_object *on_response(struct weir_event *event, void *context) {
///         json_object *headers = weir_at(event->params, "flow.response.headers");
///         weir_header_add(headers, "x-addon", "1");
///         return weir_patch("flow.response.headers", json_object_get(headers));
///     }
///     int main(void) {
///         weir_addon *addon = weir_new("header", "1");
///         weir_on(addon, "response", on_response, NULL, .fields = "flow.response.headers");
///         return weir_run(addon);
///     }
///
/// Values are json-c's. A function that takes one to send takes its reference; what events show belongs to the
/// event, and may be changed in place. Texts are copied. Nothing here is for a second thread: let that write to a
/// pipe which the loop watches.
#ifndef WEIR_H
#define WEIR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_object json_object;
typedef struct weir_addon weir_addon;

// Addons

/// The process's addon, of that name; both texts may be NULL.
weir_addon *weir_new(const char *name, const char *version);
/// Connects, answers the handshake, and serves events until the connection ends. Returns the process's exit status:
/// 0 after an orderly end, 1 if the connection or a line is broken, which standard error says. What is to be
/// cleaned up follows it.
int weir_run(weir_addon *addon);

// Events

struct weir_event {
    weir_addon *addon;
    const char *name;            // the hook, or the command
    json_object *params;         // as the core sent them
    json_object *flow;           // `params.flow`; NULL where there is none
    int attempt;                 // 2 when a worker died over the same event, else 1
    bool is_cancelled;           // the core has withdrawn it: no answer is wanted or sent
    struct weir_stream *stream;  // the body that comes in parts once this is answered, or NULL
    void *data;                  // the addon's own
    /// Called when it is withdrawn, if set; the event must still be answered, to be freed.
    void (*cancelled)(struct weir_event *event);
    // The library's
    int64_t id;
    bool has_loan;               // a body of it stands in the area
    json_object *message;
    struct weir_event *next;
};

/// Handles an event and returns what changes, NULL for nothing: the `result` of Protocol/README.md, section 7. For
/// a command it returns the answer, NULL for null. `WEIR_LATER` leaves the event open, until `weir_answer` or
/// `weir_fail`.
typedef json_object *weir_handler(struct weir_event *event, void *context);
extern json_object *const WEIR_LATER;

/// What section 5 says of a hook; what is left out has the default of that section.
struct weir_hook {
    int first;                     // not used: it lets `weir_on` be called without options
    const char *filter, *content, *on_failure;
    const char *fields;            // paths with spaces between them
    const struct weir_body *body;  // with the content "stream", or a preview: what is done with the pieces
    int preview;                   // bytes of a preview, in the place of `content`
    int timeout_ms, order;
    bool decode, observe, idempotent;
};

/// `weir_on(addon, "request", handler, context, .filter = "~d example.com", .content = "decoded")`: one handler for
/// each hook. With a stream `handler` may be NULL.
#define weir_on(addon, name, handler, context, ...) \
    weir_add_hook(addon, name, handler, context, (struct weir_hook){.first = 0, __VA_ARGS__})
void weir_add_hook(weir_addon *addon, const char *name, weir_handler *handler, void *context, struct weir_hook options);

/// Answers an event that was left open, and frees it. Of a cancelled one nothing is sent.
void weir_answer(struct weir_event *event, json_object *result);
/// Answers with an error; in a handler `return weir_fail(event, "no database: %s", …)`.
json_object *weir_fail(struct weir_event *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// So many milliseconds more, from now.
void weir_extend(struct weir_event *event, int ms);

// Results and values

/// `weir_patch("flow.response.status_code", json_object_new_int(404))`: an object for each step of the path, and
/// the value at its end.
json_object *weir_patch(const char *path, json_object *value);
/// The value at the end of a path of members; NULL if there is none, or null.
json_object *weir_at(json_object *from, const char *path);
/// A response in the place of the server's. `headers` may be NULL.
json_object *weir_respond(int status, json_object *headers, const void *content, size_t size);
json_object *weir_kill(void);

/// The first value of that name, in any case, as text; NULL if there is none, or if it is no UTF-8 (see
/// `weir_header_values`).
const char *weir_header(json_object *headers, const char *name);
/// An array of all values of that name.
json_object *weir_header_values(json_object *headers, const char *name);
/// Puts one field where the first of that name is, and takes the others away; at the end if there is none.
void weir_header_set(json_object *headers, const char *name, const char *value);
void weir_header_add(json_object *headers, const char *name, const char *value);
void weir_header_remove(json_object *headers, const char *name);

/// Octets as a value: text where they are UTF-8, else Base64.
json_object *weir_value(const void *data, size_t size);
struct weir_bytes { uint8_t *data; size_t size; };
/// The octets for which a value of an event stands: text, Base64, a descriptor, the shared area, or a reference, which
/// needs the permission `body.read`. False if it is no such value, or not to be had. The octets are there as long as the
/// event, and may be changed there.
bool weir_bytes(struct weir_event *event, json_object *value, struct weir_bytes *bytes);
/// A body for an answer: where the event's own was, if there is room and it came in the area; by descriptor where that is
/// granted and the body is large; else as `weir_value`. It is the octets of `weir_bytes` themselves, or a copy.
json_object *weir_content(struct weir_event *event, const void *data, size_t size);

// Bodies in parts

/// A body that passes through. It lives from its event to `closed`.
struct weir_stream {
    weir_addon *addon;
    int64_t number;
    void *data;  // the addon's own; set it in the event's handler
    // The library's
    const struct weir_body *body;
    size_t room, owed, sent;  // what the core still takes; what it is to be given back; what of `waiting` has gone
    struct printbuf *waiting;
    json_object *end;         // the parameters of `stream.end`, once it is to be sent
    bool is_open, is_busy;
    struct weir_stream *next;
};
struct weir_body {
    /// A piece of the original. The core is given its credit back when all that was written has left.
    void (*piece)(struct weir_stream *stream, const uint8_t *data, size_t size);
    /// The original is complete, or, behind a detach, the worker's part of it: `weir_finish` is to follow, now or
    /// later. `trailers` is NULL where there are none. Without this function it follows at once.
    void (*ended)(struct weir_stream *stream, json_object *trailers, bool is_detached);
    /// The last that is heard of it: free `data`. `why` is NULL if it ended well, else the core's word, such as
    /// `client_gone`, or `not_opened` if the answer to the event left no room for it.
    void (*closed)(struct weir_stream *stream, const char *why);
};
/// Sends octets of the new body; what exceeds the credit waits in memory, and no more of the original comes
/// meanwhile.
void weir_write(struct weir_stream *stream, const void *data, size_t size);
/// The new body is complete, also before the original is.
void weir_finish(struct weir_stream *stream);
/// The same with other trailers; NULL for none.
void weir_finish_with(struct weir_stream *stream, json_object *trailers);
/// The body breaks off behind what was written.
void weir_break(struct weir_stream *stream, const char *message);
/// No more of the original is wanted: `ended` follows, then the rest passes untouched.
void weir_detach(struct weir_stream *stream);

// The core

/// Asks for the permission to call a method; before `weir_run`.
void weir_permit(weir_addon *addon, const char *method);
/// Calls the core and waits for the answer; events that come meanwhile wait. Returns the result, which is the
/// caller's, or NULL with the error in `*error` (`code`, `message`, `data.kind`; the caller's, too) if `error` is
/// not NULL.
json_object *weir_call(weir_addon *addon, const char *method, json_object *params, json_object **error);
__attribute__((format(printf, 3, 4)))
void weir_log(weir_addon *addon, const char *level, const char *format, ...);
/// Adds to a counter of the core; needs the permission `metrics.add`. `labels` may be NULL.
void weir_count(weir_addon *addon, const char *name, double value, json_object *labels);

/// Declares a setting; `value`, its default, `help` and `choices`, the texts that it takes with spaces between
/// them, may be NULL.
void weir_option(weir_addon *addon, const char *name, const char *type, json_object *value, const char *help,
                 const char *choices);
/// A setting's present value, of the addon or, if it hooks `configure`, of the core. `weir_fail` in `configure`
/// refuses new ones, which are in the event's `options`.
json_object *weir_setting(weir_addon *addon, const char *name);
/// Offers a command; the event's params have `name`, `args` and `caller`. The texts for people may be NULL.
void weir_command(weir_addon *addon, const char *name, weir_handler *handler, void *context, const char *help,
                  const char *arguments, const char *result);

// The loop

/// Calls back whenever the descriptor can be read, until it is said again without a function. A timer is a `timerfd`.
void weir_watch(weir_addon *addon, int fd, void (*ready)(int fd, void *context), void *context);

#endif
