// The connection: its lines and its buffers, and what else the addon waits for.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parts.h"

bool connect_to_core(weir_addon *addon) {
    const char *number = getenv("WEIR_ADDON_FD"), *path = getenv("WEIR_ADDON_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = number ? atoi(number) : 0;
    addon->fd_out = number ? fd : 1;
    if (!number && path) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        addon->fd_out = fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) return false;
    }
    signal(SIGPIPE, SIG_IGN);
    addon->polled[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    return !fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) && !fcntl(addon->fd_out, F_SETFL, O_RDWR | O_NONBLOCK);
}

void over(weir_addon *addon, const char *why) {
    addon->is_over = true;
    if (!why) return;
    addon->status = 1;
    fprintf(stderr, "weir: %s\n", why);
}

void append(struct printbuf *buffer, const void *data, size_t size) {
    if (size > INT_MAX / 2 || printbuf_memappend(buffer, data, (int)size) < 0) must(NULL);
}

static void consume(struct printbuf *buffer, size_t size) {
    buffer->bpos -= size;
    memmove(buffer->buf, buffer->buf + size, buffer->bpos);
}

void flush(weir_addon *addon) {
    size_t done = 0;
    while (done < (size_t)addon->out->bpos && !addon->is_over) {
        ssize_t count = write(addon->fd_out, addon->out->buf + done, addon->out->bpos - done);
        if (count > 0) done += count;
        else if (errno == EAGAIN) break;
        else if (errno == EPIPE || errno == ECONNRESET) over(addon, NULL);
        else if (errno != EINTR) over(addon, "the connection cannot be written");
    }
    consume(addon->out, done);
}

static void read_lines(weir_addon *addon) {
    char part[64 << 10];
    ssize_t count = read(addon->polled[0].fd, part, sizeof part);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return over(addon, NULL);
    struct printbuf *in = addon->in;
    size_t line = 0, from = in->bpos;
    append(in, part, count);
    for (char *end; !addon->is_over && (end = memchr(in->buf + from, '\n', in->bpos - from)); line = from) {
        from = end + 1 - in->buf;
        receive_line(addon, in->buf + line, from - 1 - line);
    }
    consume(in, line);
    if (in->bpos > MAX_LINE) over(addon, "a line is longer than was agreed");
}

void wait_once(weir_addon *addon, bool is_within) {
    size_t count = is_within ? 2 : addon->polled_count;
    addon->polled[1] = (struct pollfd){.fd = addon->out->bpos ? addon->fd_out : -1, .events = POLLOUT};
    int ready = poll(addon->polled, count, -1);
    if (ready < 0 && errno != EINTR) over(addon, "poll failed");
    if (ready < 0) return;
    if (addon->polled[1].revents) flush(addon);
    if (addon->polled[0].revents) read_lines(addon);
    for (size_t at = 2; at < count && at < addon->polled_count; at++)
        if (addon->polled[at].revents) addon->watches[at].ready(addon->polled[at].fd, addon->watches[at].context);
}

void weir_watch(weir_addon *addon, int fd, void (*ready)(int, void *), void *context) {
    size_t at = 2;
    while (at < addon->polled_count && addon->polled[at].fd != fd) at++;
    if (ready && at == addon->polled_count) {
        addon->polled = must(realloc(addon->polled, ++addon->polled_count * sizeof *addon->polled));
        addon->watches = must(realloc(addon->watches, addon->polled_count * sizeof *addon->watches));
    }
    if (ready) {
        addon->polled[at] = (struct pollfd){.fd = fd, .events = POLLIN};
        addon->watches[at] = (struct watch){ready, context};
    } else if (at < addon->polled_count) {
        addon->polled[at] = addon->polled[--addon->polled_count];
        addon->watches[at] = addon->watches[addon->polled_count];
    }
}
