// Bodies in parts, and beside the line.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

enum { BY_DESCRIPTOR = 64 << 10, BUFFER = 256 << 10, AREA = 1 /* the number of its descriptor */, ONE_DESCRIPTOR = CMSG_SPACE(sizeof(int)) };

// Octets

/// What a value stands for and does not hold itself; it is the value's, and goes with it.
struct octets { void *data; size_t size; enum { OWN, BUFFERED, MAPPED, SHARED } place; };
/// For what a file holds, if nobody has it at present: to read that into memory of ours takes less time than to map it.
static void *spare;

static void free_octets(json_object *value, void *data) {
    (void)value;
    struct octets *octets = data;
    if (octets->place == MAPPED) munmap(octets->data, octets->size);
    else if (octets->place == BUFFERED && !spare) spare = octets->data;
    else if (octets->place != SHARED) free(octets->data);
    free(octets);
}

static struct octets *keep(json_object *value, void *data, size_t size, int place) {
    struct octets *octets = new(struct octets);
    *octets = (struct octets){data, size, place};
    json_object_set_userdata(value, octets, free_octets);
    return octets;
}

static struct msghdr packet(struct iovec *part, char *control) {
    return (struct msghdr){.msg_iov = part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = ONE_DESCRIPTOR};
}

static void keep_file(json_object *content, int fd, size_t size) {
    if (size > BUFFER) {
        void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        if (mapped != MAP_FAILED) keep(content, mapped, size, MAPPED);
        return;
    }
    char *data = spare ?: must(malloc(BUFFER));
    spare = NULL;
    size_t done = 0;
    for (ssize_t count; done < size && (count = pread(fd, data + done, size - done, done)) > 0;) done += count;
    if (done == size) keep(content, data, size, BUFFERED);
    else free(data);
}

static void keep_area(weir_addon *addon, int fd) {
    struct stat status;
    if (fstat(fd, &status)) return;
    addon->area_size = status.st_size;
    addon->area = mmap(NULL, addon->area_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (addon->area == MAP_FAILED) addon->area = NULL;
}

/// Reads packets up to the one that a line names; those before it are the area's, and of events that were withdrawn.
static void take_descriptors(weir_addon *addon, int64_t wanted, json_object *content) {
    for (int64_t sent = 0; sent < wanted;) {
        char payload[32] = "", control[ONE_DESCRIPTOR];
        struct iovec part = {payload, sizeof payload - 1};
        struct msghdr header = packet(&part, control);
        ssize_t count = recvmsg(addon->fd_bodies, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        struct cmsghdr *rights = count > 0 ? CMSG_FIRSTHDR(&header) : NULL;
        if (!rights || rights->cmsg_type != SCM_RIGHTS) return over(addon, "a descriptor did not come before its line");
        int fd;
        memcpy(&fd, CMSG_DATA(rights), sizeof fd);
        sent = atoll(payload);
        if (sent == AREA && addon->has_area) keep_area(addon, fd);
        else if (sent == wanted) keep_file(content, fd, integer(content, "size"));
        close(fd);
    }
}

static void take_octets(weir_addon *addon, json_object *content) {
    json_object *at = member(content, "at");
    if (!at) return take_descriptors(addon, integer(content, "fd"), content);
    if (!addon->area) take_descriptors(addon, AREA, NULL);
    int64_t offset = json_object_get_int64(at), size = integer(content, "size"), room = integer(content, "room");
    if (!addon->area || offset < 0 || size < 0 || size > room || offset + room > (int64_t)addon->area_size)
        return over(addon, "a body is where the area is not");
    keep(content, addon->area + offset, size, SHARED);
}

/// Puts octets into the room that the event has for them, unless they stand there already; NULL if there is none.
static json_object *in_area(struct weir_event *event, const uint8_t *data, size_t size) {
    static const char *const sides[] = {"response", "request"};
    for (int side = 0; side < 2; side++) {
        json_object *content = member(member(event->flow, sides[side]), "content");
        size_t room = integer(content, "room");
        uint8_t *begin = event->addon->area + integer(content, "at");
        if (!room || size > room) continue;
        bool is_there = data >= begin && data <= begin + room - size;
        if (!is_there) memmove(begin, data, size);
        json_object_object_del(content, "room");
        return object("at", number((is_there ? data : begin) - event->addon->area), "size", number(size));
    }
    return NULL;
}

static void *read_by_calls(struct weir_event *event, json_object *ref, size_t size) {
    if (!event || !ref) return NULL;
    char *data = must(malloc(size + 1));
    for (size_t done = 0; done < size;) {
        json_object *params = object("ref", json_object_get(ref), "offset", number(done));
        json_object *answer = weir_call(event->addon, "body.read", params, NULL);
        struct weir_bytes piece = {0};
        bool is_good = weir_bytes(NULL, member(answer, "data"), &piece) && piece.size && piece.size <= size - done;
        if (is_good) memcpy(data + done, piece.data, piece.size);
        json_object_put(answer);
        if (!is_good) return free(data), NULL;
        done += piece.size;
    }
    return data;
}

bool weir_bytes(struct weir_event *event, json_object *value, struct weir_bytes *bytes) {
    if (string(value)) *bytes = (struct weir_bytes){(uint8_t *)string(value), json_object_get_string_len(value)};
    if (!json_object_is_type(value, json_type_object)) return string(value);
    struct octets *octets = json_object_get_userdata(value);
    if (!octets) {
        json_object *base64 = member(value, "b64");
        size_t size = integer(value, "size");
        void *data = base64 ? from_base64(base64, &size) : read_by_calls(event, member(value, "ref"), size);
        if (!data) return false;
        octets = keep(value, data, size, OWN);
    }
    *bytes = (struct weir_bytes){octets->data, octets->size};
    return true;
}

json_object *weir_content(struct weir_event *event, const void *data, size_t size) {
    weir_addon *addon = event->addon;
    json_object *placed = in_area(event, data, size);
    if (placed) return placed;
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    bool is_large = addon->fd_bodies >= 0 && size >= BY_DESCRIPTOR;
    int fd = is_large ? memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (fd < 0) return weir_value(data, size);
    size_t done = 0;
    for (ssize_t count; done < size && (count = write(fd, (const char *)data + done, size - done)) > 0;) done += count;
    char payload[32], control[ONE_DESCRIPTOR] = "";
    struct iovec part = {payload, snprintf(payload, sizeof payload, "%lld", (long long)(addon->last_fd += 2))};
    struct msghdr header = packet(&part, control);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    bool is_sealed = done == size && !fcntl(fd, F_ADD_SEALS, seals);
    bool is_sent = is_sealed && sendmsg(addon->fd_bodies, &header, MSG_NOSIGNAL) > 0;
    close(fd);
    return is_sent ? object("fd", number(addon->last_fd), "size", number(size)) : weir_value(data, size);
}

// Streams

void take_body(struct weir_event *event, json_object *content, const struct weir_body *body) {
    weir_addon *addon = event->addon;
    take_octets(addon, content);
    if (!member(content, "stream")) return;
    struct weir_stream *stream = event->stream = new(struct weir_stream);
    *stream = (struct weir_stream){.addon = addon, .body = body, .room = addon->credit, .next = addon->streams};
    stream->number = integer(content, "stream");
    stream->waiting = must(printbuf_new());
    addon->streams = stream;
}

void close_stream(struct weir_stream *stream, const char *why) {
    struct weir_stream **at = &stream->addon->streams;
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
    if (stream->body && stream->body->closed) stream->body->closed(stream, why);
    json_object_put(stream->end);
    printbuf_free(stream->waiting);
    free(stream);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/// Sends what may be sent, and gives credit back when nothing waits. Behind the end the stream is no more.
static void pump(struct weir_stream *stream) {
    weir_addon *addon = stream->addon;
    struct printbuf *waiting = stream->waiting;
    for (size_t size; stream->is_open; stream->room -= size, stream->sent += size) {
        size = least(waiting->bpos - stream->sent, least(stream->room, addon->credit / 2));
        if (!size) break;
        json_object *data = weir_value(waiting->buf + stream->sent, size);
        notify(addon, "stream.data", object("s", number(stream->number), "data", data));
    }
    if (stream->sent < (size_t)waiting->bpos || stream->is_busy || !stream->is_open) return;
    printbuf_reset(waiting);
    stream->sent = 0;
    if (stream->end) {
        notify(addon, "stream.end", stream->end);
        stream->end = NULL;
        close_stream(stream, NULL);
    } else if (stream->owed) {
        notify(addon, "stream.credit", object("s", number(stream->number), "bytes", number(stream->owed)));
        stream->owed = 0;
    }
}

void open_stream(struct weir_event *event, json_object *result) {
    struct weir_stream *stream = event->stream;
    if (!stream) return;
    event->stream = NULL;
    bool is_request = !strncmp(event->name, "request", 7);
    const char *side = is_request ? "request" : "response";
    json_object *flow = member(result, "flow"), *content = NULL;
    // What stands for the body is no change.
    bool is_set = json_object_object_get_ex(member(flow, side), "content", &content);
    bool is_replaced = is_set && !member(content, "stream") && !member(content, "omitted");
    // A request goes nowhere that is answered here.
    bool is_answered = is_request && member(flow, "response") && !member(event->flow, "response");
    bool is_preview = member(member(member(event->flow, side), "content"), "preview");
    bool is_wanted = !is_preview || is(member(result, "more"), "stream");
    bool is_killed = json_object_get_boolean(member(result, "kill"));
    stream->is_open = result && is_wanted && !is_replaced && !is_answered && !is_killed;
    if (stream->is_open) pump(stream);
    else close_stream(stream, "not_opened");
}

void hear_stream(weir_addon *addon, const char *what, json_object *params) {
    struct weir_stream *stream = addon->streams;
    while (stream && stream->number != integer(params, "s")) stream = stream->next;
    if (!stream) return;
    const struct weir_body *body = stream->body;
    stream->is_busy = true;  // Its functions may end it; it goes behind them.
    if (!strcmp(what, "data")) {
        struct weir_bytes bytes;
        if (!weir_bytes(NULL, member(params, "data"), &bytes)) return over(addon, "a piece of a body is no octets");
        stream->owed += bytes.size;
        if (!stream->end && body && body->piece) body->piece(stream, bytes.data, bytes.size);
    } else if (!strcmp(what, "credit")) {
        stream->room += integer(params, "bytes");
    } else if (!strcmp(what, "end") && !stream->end) {
        bool is_detached = json_object_get_boolean(member(params, "detached"));
        if (body && body->ended) body->ended(stream, member(params, "trailers"), is_detached);
        else weir_finish(stream);
    } else if (!strcmp(what, "reset")) {
        return close_stream(stream, string(member(params, "why")) ?: "bad_message");
    }
    stream->is_busy = false;
    pump(stream);
}

void weir_write(struct weir_stream *stream, const void *data, size_t size) {
    if (stream->end) return;
    append(stream->waiting, data, size);
    if (!stream->is_busy) pump(stream);  // else behind its function, in larger pieces
}

static void finish(struct weir_stream *stream, json_object *end) {
    if (stream->end) return (void)json_object_put(end);
    json_object_object_add(end, "s", number(stream->number));
    stream->end = end;
    pump(stream);
}
void weir_finish(struct weir_stream *stream) { finish(stream, json_object_new_object()); }
void weir_finish_with(struct weir_stream *stream, json_object *trailers) {
    finish(stream, weir_patch("trailers", trailers));
}
void weir_break(struct weir_stream *stream, const char *message) {
    finish(stream, object("status", text("error"), "message", text_value(message)));
}
void weir_detach(struct weir_stream *stream) {
    notify(stream->addon, "stream.detach", object("s", number(stream->number)));
}
