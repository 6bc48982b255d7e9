// What the files of the library share.
#ifndef WEIR_PARTS_H
#define WEIR_PARTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir.h"

enum { MAX_LINE = 16 << 20, DEPTH = 65 /* 64, and json-c counts the innermost value, too */, ENOUGH_WAITS = 1 << 20, BY_DESCRIPTOR = 64 << 10 };

struct buffer { char *data; size_t start, size, room; };  // what is in it is data[start ..< start + size]
struct hook { char *name; weir_handler *handler; void *context; struct weir_hook options; struct hook *next; };
struct event { struct weir_event of; int64_t id; json_object *message; bool is_command; struct event *next; };
struct stream {
    struct weir_stream of;
    const struct weir_body *body;
    size_t room, owed, half;
    struct buffer waiting;
    json_object *end;  // the parameters of `stream.end`, once it is to be sent
    bool is_open, is_busy;
    struct stream *next;
};
struct watch { int fd; void (*ready)(int, void *); void *context; struct watch *next; };
struct timer { int64_t at; void (*expired)(void *); void *context; struct timer *next; };
struct arrived { int64_t number; int fd; struct arrived *next; };
struct weir_addon {
    json_object *hello, *settings, *messages, *answer;  // `messages` wait until a handler that calls the core is done
    struct hook *hooks, *commands;
    struct event *events;
    struct stream *streams;
    struct watch *watches;
    struct timer *timers;
    struct arrived *arrived;
    struct buffer in, out;
    struct json_tokener *tokener;
    size_t next_message, credit;
    int64_t next_call, awaited, next_fd;
    int fd_in, fd_out, fd_bodies, status;
    bool is_over, is_draining, gives_by_fd;
    void (*clean_up)(void *);
    void *clean_up_context;
};

static inline void *must(void *memory) {
    if (memory) return memory;
    fputs("weir: out of memory\n", stderr);
    exit(1);
}
#define new(type) ((type *)must(calloc(1, sizeof(type))))

static inline json_object *member(json_object *object, const char *name) {
    json_object *value = NULL;
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, name, &value) ? value : NULL;
}
static inline json_object *with(json_object *object, const char *name, json_object *value) {
    json_object_object_add(object, name, value);
    return object;
}
static inline const char *string(json_object *value) { return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL; }
static inline bool is(json_object *value, const char *text) { return string(value) && !strcmp(string(value), text); }
static inline json_object *number_value(int64_t number) { return json_object_new_int64(number); }

static const char *const body_paths[] = {"flow.request.content", "flow.response.content"};  // in the order in which they are sent

// loop.c
bool connect_to_core(weir_addon *addon);
/// Without data it makes room for so much.
void append(struct buffer *buffer, const void *data, size_t size);
void consume(struct buffer *buffer, size_t size);
void flush(weir_addon *addon);
/// Ends the loop; `why` is for standard error, NULL for an orderly end.
void over(weir_addon *addon, const char *why);
/// Waits for the connection, and for what the addon watches unless a handler waits within.
void wait_once(weir_addon *addon, bool is_within);

// weir.c
/// Does with a line what is done at once, also while a handler waits for an answer; the rest waits its turn.
void receive_line(weir_addon *addon, const char *line, size_t size);
/// Sends a notification; takes the parameters.
void notify(weir_addon *addon, const char *method, json_object *params);

// bodies.c
void offer_stream(struct event *event, int64_t number, const struct weir_body *body);
/// What an answer (NULL for an error) makes of the stream that its event offered.
void open_stream(struct event *event, json_object *result);
void close_stream(struct stream *stream, const char *why);
void hear_stream(weir_addon *addon, const char *what, json_object *params);
void receive_descriptors(weir_addon *addon, json_object *params);
void close_descriptors(weir_addon *addon, json_object *params);

// values.c
/// A text for people: what is no UTF-8 becomes question marks.
json_object *text_value(const char *text);
bool from_base64(json_object *value, struct weir_bytes *bytes);

#endif
