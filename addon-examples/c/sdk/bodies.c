// Bodies in parts, and beside the line.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"

// Streams

static void say(struct stream *stream, const char *method, const char *name, json_object *value) {
    json_object *params = with(json_object_new_object(), "s", number_value(stream->of.number));
    notify(stream->of.addon, method, with(params, name, value));
}

void close_stream(struct stream *stream, const char *why) {
    for (struct stream **at = &stream->of.addon->streams; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    if (stream->body && stream->body->closed) stream->body->closed(&stream->of, why);
    json_object_put(stream->end);
    free(stream->waiting.data);
    free(stream);
}

/// Sends what may be sent, and gives credit back when nothing waits. Behind the end the stream is no more.
static void pump(struct stream *stream) {
    while (stream->waiting.size && stream->room && stream->is_open) {
        size_t size = stream->waiting.size < stream->half ? stream->waiting.size : stream->half;
        if (size > stream->room) size = stream->room;
        const uint8_t *data = (uint8_t *)stream->waiting.data + stream->waiting.start;
        // Between characters, where it is text.
        for (size_t back = 0; size < stream->waiting.size && back < 4 && back < size; back++)
            if ((data[size - back] & 0xC0) != 0x80) {
                size -= back;
                break;
            }
        say(stream, "stream.data", "data", weir_value(data, size));
        stream->room -= size;
        consume(&stream->waiting, size);
    }
    if (stream->waiting.size || stream->is_busy || !stream->is_open) return;
    if (stream->end) {
        notify(stream->of.addon, "stream.end", stream->end);
        stream->end = NULL;
        close_stream(stream, NULL);
    } else if (stream->owed) {
        say(stream, "stream.credit", "bytes", number_value(stream->owed));
        stream->owed = 0;
    }
}

void offer_stream(struct event *event, int64_t number, const struct weir_body *body) {
    weir_addon *addon = event->of.addon;
    struct stream *stream = new(struct stream);
    *stream = (struct stream){.of = {addon, number, NULL}, .body = body, .room = addon->credit, .half = addon->credit / 2, .next = addon->streams};
    addon->streams = stream;
    event->of.stream = &stream->of;
}

void open_stream(struct event *event, json_object *result) {
    struct stream *stream = (struct stream *)event->of.stream;
    event->of.stream = NULL;
    if (!stream) return;
    bool is_request = !strncmp(event->of.name, "request", 7);
    json_object *part = member(member(result, "flow"), is_request ? "request" : "response"), *content;
    // What stands for the body is no change.
    bool is_replaced = part && json_object_object_get_ex(part, "content", &content) && !member(content, "stream") && !member(content, "omitted");
    // Nor does a request go anywhere that is answered here.
    if (is_request && weir_at(result, "flow.response") && !weir_at(event->of.params, "flow.response")) is_replaced = true;
    bool is_preview = member(weir_at(event->of.params, body_paths[!is_request]), "preview");
    stream->is_open = result && !is_replaced && !json_object_get_boolean(member(result, "kill")) && (!is_preview || is(member(result, "more"), "stream"));
    if (stream->is_open) pump(stream);
    else close_stream(stream, "not_opened");
}

void hear_stream(weir_addon *addon, const char *what, json_object *params) {
    struct stream *stream = addon->streams;
    while (stream && stream->of.number != json_object_get_int64(member(params, "s"))) stream = stream->next;
    if (!stream) return;
    stream->is_busy = true;  // Its functions may end it; it goes behind them.
    if (!strcmp(what, "data")) {
        struct weir_bytes bytes;
        if (!weir_bytes(NULL, member(params, "data"), &bytes)) return over(addon, "a piece of a body is no byte string");
        stream->owed += bytes.size;
        if (!stream->end && stream->body && stream->body->piece) stream->body->piece(&stream->of, bytes.data, bytes.size);
        weir_free_bytes(&bytes);
    } else if (!strcmp(what, "credit")) {
        stream->room += json_object_get_int64(member(params, "bytes"));
    } else if (!strcmp(what, "end") && !stream->end) {
        bool is_detached = json_object_get_boolean(member(params, "detached"));
        if (stream->body && stream->body->ended) stream->body->ended(&stream->of, member(params, "trailers"), is_detached);
        else weir_finish(&stream->of);
    } else if (!strcmp(what, "reset")) {
        return close_stream(stream, string(member(params, "why")) ?: "bad_message");
    }
    stream->is_busy = false;
    pump(stream);
}

void weir_write(struct weir_stream *of, const void *data, size_t size) {
    struct stream *stream = (struct stream *)of;
    if (stream->end) return;
    append(&stream->waiting, data, size);
    if (!stream->is_busy) pump(stream);  // else behind its function, in larger pieces
}

static void finish(struct weir_stream *of, const char *name, json_object *value) {
    struct stream *stream = (struct stream *)of;
    if (stream->end) return (void)json_object_put(value);
    stream->end = with(json_object_new_object(), "s", number_value(of->number));
    if (name) with(stream->end, name, value);
    pump(stream);
}
void weir_finish(struct weir_stream *stream) { finish(stream, NULL, NULL); }
void weir_finish_with(struct weir_stream *stream, json_object *trailers) { finish(stream, "trailers", trailers); }
void weir_break(struct weir_stream *of, const char *message) {
    struct stream *stream = (struct stream *)of;
    if (stream->end) return;
    stream->end = with(json_object_new_object(), "s", number_value(of->number));
    with(with(stream->end, "status", json_object_new_string("error")), "message", text_value(message));
    pump(stream);
}
void weir_detach(struct weir_stream *of) {
    notify(of->addon, "stream.detach", with(json_object_new_object(), "s", number_value(of->number)));
}

// Descriptors

static int64_t descriptor(json_object *params, int side) { return json_object_get_int64(member(weir_at(params, body_paths[side]), "fd")); }

static void close_descriptor(weir_addon *addon, int64_t number) {
    for (struct arrived **at = &addon->arrived, *one; (one = *at); at = &(*at)->next)
        if (one->number == number) {
            *at = one->next;
            close(one->fd);
            return free(one);
        }
}

void close_descriptors(weir_addon *addon, json_object *params) {
    for (int side = 0; side < 2; side++) close_descriptor(addon, descriptor(params, side));
}

/// Takes one packet and returns its number; 0 if there is none.
static int64_t receive_descriptor(weir_addon *addon) {
    char payload[32] = "", control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {payload, sizeof payload - 1};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(addon->fd_bodies, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) return 0;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    if (!rights || rights->cmsg_type != SCM_RIGHTS) return 0;
    struct arrived *one = new(struct arrived);
    *one = (struct arrived){.number = atoll(payload), .next = addon->arrived};
    memcpy(&one->fd, CMSG_DATA(rights), sizeof one->fd);
    addon->arrived = one;
    return one->number;
}

/// Takes the descriptors that a line names as it arrives; those before them are of events that were withdrawn.
void receive_descriptors(weir_addon *addon, json_object *params) {
    for (int side = 0; side < 2; side++)
        for (int64_t wanted = descriptor(params, side), number = 0; number < wanted;) {
            if (!(number = receive_descriptor(addon))) return over(addon, "a descriptor did not come before its line");
            if (number < wanted) close_descriptor(addon, number);
        }
}

json_object *weir_content(weir_addon *addon, const void *data, size_t size) {
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    int fd = addon->gives_by_fd && size >= BY_DESCRIPTOR ? memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    size_t done = 0;
    for (ssize_t count; fd >= 0 && done < size && (count = write(fd, (const char *)data + done, size - done)) > 0;) done += count;
    char payload[32], control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec part = {payload, 0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    part.iov_len = snprintf(payload, sizeof payload, "%lld", (long long)(addon->next_fd += 2));
    bool is_sent = fd >= 0 && done == size && !fcntl(fd, F_ADD_SEALS, seals) && sendmsg(addon->fd_bodies, &header, MSG_NOSIGNAL) > 0;
    if (fd >= 0) close(fd);
    if (!is_sent) return weir_value(data, size);
    return with(with(json_object_new_object(), "fd", number_value(addon->next_fd)), "size", number_value(size));
}

bool weir_bytes(struct weir_event *event, json_object *value, struct weir_bytes *bytes) {
    *bytes = (struct weir_bytes){0};
    if (json_object_is_type(value, json_type_string)) {
        bytes->data = (const uint8_t *)json_object_get_string(value);
        bytes->size = json_object_get_string_len(value);
        return true;
    }
    json_object *base64 = member(value, "b64"), *size = member(value, "size"), *ref = member(value, "ref");
    if (base64) return from_base64(base64, bytes);
    if (!event || !size) return false;
    bytes->size = json_object_get_int64(size);
    if (member(value, "fd")) {
        struct arrived *one = event->addon->arrived;
        while (one && one->number != json_object_get_int64(member(value, "fd"))) one = one->next;
        if (!one) return false;
        void *mapped = bytes->size ? mmap(NULL, bytes->size, PROT_READ, MAP_SHARED, one->fd, 0) : NULL;
        if (mapped == MAP_FAILED) return false;
        bytes->data = bytes->mapped = mapped;
        return true;
    }
    if (!ref) return false;
    bytes->data = bytes->owned = must(malloc(bytes->size + 1));
    for (size_t done = 0; done < bytes->size;) {
        json_object *params = with(json_object_new_object(), "ref", json_object_get(ref));
        json_object *answer = weir_call(event->addon, "body.read", with(params, "offset", number_value(done)), NULL);
        struct weir_bytes piece = {0};
        bool is_good = answer && weir_bytes(event, member(answer, "data"), &piece) && piece.size && piece.size <= bytes->size - done;
        if (is_good) memcpy((char *)bytes->owned + done, piece.data, piece.size);
        done += is_good ? piece.size : 0;
        weir_free_bytes(&piece);
        json_object_put(answer);
        if (is_good) continue;
        weir_free_bytes(bytes);
        return false;
    }
    return true;
}

void weir_free_bytes(struct weir_bytes *bytes) {
    if (bytes->mapped) munmap(bytes->mapped, bytes->size);
    free(bytes->owned);
    *bytes = (struct weir_bytes){0};
}
