// What the files of the library share.
#ifndef WEIR_PARTS_H
#define WEIR_PARTS_H

#include <json-c/printbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir.h"

enum { MAX_LINE = 16 << 20, DEPTH = 65 /* 64, and json-c counts the innermost value, too */ };

struct hook { char *name; weir_handler *handler; void *context; const struct weir_body *body; struct hook *next; };
struct watch { void (*ready)(int, void *); void *context; };
struct weir_addon {
    json_object *hello, *settings, *messages, *answer;  // `messages` wait until a handler that calls the core is done
    struct hook *hooks, *commands;
    struct weir_event *events;
    struct weir_stream *streams;
    struct pollfd *polled;  // the connection's two sides, then what is watched
    struct watch *watches;  // what is called, at the same index
    struct printbuf *in, *out;
    struct json_tokener *tokener;
    size_t polled_count, credit;
    int64_t last_call, awaited, last_fd;
    int fd_out, fd_bodies, status;
    uint8_t *area;  // what worker and core have both mapped, once its descriptor was taken
    size_t area_size;
    bool is_over, has_area, is_quick;  // `is_quick`: the last message took next to no time
};

static inline void *must(void *memory) {
    if (memory) return memory;
    fputs("weir: out of memory\n", stderr);
    exit(1);
}
#define new(type) ((type *)must(calloc(1, sizeof(type))))

// Values: each of these takes what is none, or of another type, for NULL.
static inline json_object *member(json_object *in, const char *name) { return json_object_object_get(in, name); }
static inline size_t length(json_object *list) {
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}
static inline json_object *element(json_object *list, size_t index) {
    return index < length(list) ? json_object_array_get_idx(list, index) : NULL;
}
static inline const char *string(json_object *value) {
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}
static inline bool is(json_object *value, const char *text) { return string(value) && !strcmp(string(value), text); }
static inline int64_t integer(json_object *in, const char *name) { return json_object_get_int64(member(in, name)); }
static inline json_object *text(const char *text) { return text ? json_object_new_string(text) : NULL; }
static inline json_object *number(int64_t number) { return json_object_new_int64(number); }
/// An object of names and values, which it takes, without those that are NULL: `object("a", number(1), "b", NULL)`.
#define object(...) make_object(__VA_ARGS__, NULL)

// values.c
json_object *make_object(const char *name, ...);
/// A text for people: what is no UTF-8 becomes question marks.
json_object *text_value(const char *text);
/// The octets of a Base64 text, to be freed; NULL if it is none.
uint8_t *from_base64(json_object *value, size_t *size);

// loop.c
bool connect_to_core(weir_addon *addon);
void append(struct printbuf *buffer, const void *data, size_t size);
void flush(weir_addon *addon);
/// Ends the loop; `why` is for standard error, NULL for an orderly end.
void over(weir_addon *addon, const char *why);
/// Waits for the connection, and for what the addon watches unless a handler waits within.
void wait_once(weir_addon *addon, bool is_within);

// weir.c
/// Puts a message where it waits its turn, or, if it is the answer to a call, where that looks for it.
void receive_line(weir_addon *addon, const char *line, size_t size);
/// Sends a notification; takes the parameters.
void notify(weir_addon *addon, const char *method, json_object *params);

// bodies.c
/// Takes the body that an event shows: maps a descriptor, prepares a stream.
void take_body(struct weir_event *event, json_object *content, const struct weir_body *body);
/// What an answer (NULL for an error) makes of the stream that its event offered.
void open_stream(struct weir_event *event, json_object *result);
void close_stream(struct weir_stream *stream, const char *why);
void hear_stream(weir_addon *addon, const char *what, json_object *params);

#endif
