// The connection: its lines and its buffers, and what else the addon waits for.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"

bool connect_to_core(weir_addon *addon) {
    const char *number = getenv("WEIR_ADDON_FD"), *path = getenv("WEIR_ADDON_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    addon->fd_in = 0;
    addon->fd_out = 1;
    if (number) addon->fd_in = addon->fd_out = atoi(number);
    else if (path) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        addon->fd_in = addon->fd_out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(addon->fd_in, (struct sockaddr *)&address, sizeof address)) return false;
    }
    signal(SIGPIPE, SIG_IGN);
    return !fcntl(addon->fd_in, F_SETFL, O_RDWR | O_NONBLOCK) && !fcntl(addon->fd_out, F_SETFL, O_RDWR | O_NONBLOCK);
}

void append(struct buffer *buffer, const void *data, size_t size) {
    if (buffer->start && buffer->start + buffer->size + size > buffer->room) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->size);
        buffer->start = 0;
    }
    if (buffer->start + buffer->size + size > buffer->room) {
        buffer->room = (buffer->size + size) * 3 / 2;
        buffer->data = must(realloc(buffer->data, buffer->room));
    }
    if (size && data) memcpy(buffer->data + buffer->start + buffer->size, data, size);
    buffer->size += data ? size : 0;
}

void consume(struct buffer *buffer, size_t size) {
    buffer->start += size;
    if ((buffer->size -= size)) return;
    buffer->start = 0;
    if (buffer->room < ENOUGH_WAITS) return;
    free(buffer->data);  // After a large line there may be none for long.
    *buffer = (struct buffer){0};
}

void over(weir_addon *addon, const char *why) {
    addon->is_over = true;
    if (!why) return;
    addon->status = 1;
    fprintf(stderr, "weir: %s\n", why);
}

void flush(weir_addon *addon) {
    while (addon->out.size && !addon->is_over) {
        ssize_t count = write(addon->fd_out, addon->out.data + addon->out.start, addon->out.size);
        if (count > 0) consume(&addon->out, count);
        else if (errno == EAGAIN) return;
        else if (errno != EINTR) over(addon, errno == EPIPE || errno == ECONNRESET ? NULL : "the connection cannot be written");
    }
}

static void read_lines(weir_addon *addon) {
    enum { PIECE = 64 << 10 };
    append(&addon->in, NULL, PIECE);
    size_t old = addon->in.size;
    ssize_t count = read(addon->fd_in, addon->in.data + addon->in.start + old, PIECE);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return over(addon, NULL);
    addon->in.size += count;
    char *from = addon->in.data + addon->in.start + old, *end;
    while (!addon->is_over && (end = memchr(from, '\n', addon->in.data + addon->in.start + addon->in.size - from))) {
        char *line = addon->in.data + addon->in.start;
        receive_line(addon, line, end - line);
        consume(&addon->in, end + 1 - line);
        if (!addon->in.size) return;
        from = addon->in.data + addon->in.start;
    }
    if (addon->in.size > MAX_LINE) over(addon, "a line is longer than was agreed");
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void wait_once(weir_addon *addon, bool is_within) {
    size_t count = 2, index = 2;
    int64_t timeout = -1;
    for (struct watch *watch = is_within ? NULL : addon->watches; watch; watch = watch->next) count++;
    struct pollfd polled[count];
    polled[0] = (struct pollfd){.fd = addon->fd_in, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = addon->out.size ? addon->fd_out : -1, .events = POLLOUT};
    for (struct watch *watch = is_within ? NULL : addon->watches; watch; watch = watch->next) polled[index++] = (struct pollfd){.fd = watch->fd, .events = POLLIN};
    if (!is_within && addon->timers) timeout = addon->timers->at > now() ? addon->timers->at - now() : 0;
    if (poll(polled, count, timeout < INT32_MAX ? timeout : INT32_MAX) < 0 && errno != EINTR) return over(addon, "poll failed");
    if (polled[1].revents) flush(addon);
    if (polled[0].revents) read_lines(addon);
    for (index = 2; index < count; index++) {
        struct watch *watch = addon->watches;
        while (watch && watch->fd != polled[index].fd) watch = watch->next;
        if (watch && polled[index].revents) watch->ready(watch->fd, watch->context);
    }
    while (!is_within && addon->timers && addon->timers->at <= now()) {
        struct timer *timer = addon->timers;
        addon->timers = timer->next;
        timer->expired(timer->context);
        free(timer);
    }
}

void weir_watch(weir_addon *addon, int fd, void (*ready)(int, void *), void *context) {
    struct watch **at = &addon->watches, *one;
    while (*at && (*at)->fd != fd) at = &(*at)->next;
    if ((one = *at)) {
        *at = one->next;
        free(one);
    }
    if (!ready) return;
    one = new(struct watch);
    *one = (struct watch){fd, ready, context, addon->watches};
    addon->watches = one;
}

void weir_after(weir_addon *addon, int ms, void (*expired)(void *), void *context) {
    struct timer *timer = new(struct timer), **at = &addon->timers;
    *timer = (struct timer){now() + ms, expired, context, NULL};
    while (*at && (*at)->at <= timer->at) at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}
