// Ways to others by sockets.
#define _GNU_SOURCE
#include "evil.h"

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HAS(name, family, type)                                                   \
    static bool has_##name(void) { return socket(family, type, 0) >= 0; }
HAS(inet, AF_INET, SOCK_STREAM)
HAS(inet_datagram, AF_INET, SOCK_DGRAM)
HAS(inet6, AF_INET6, SOCK_STREAM)
static bool has_raw(void) { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0; }
HAS(unix, AF_UNIX, SOCK_STREAM)
HAS(netlink, AF_NETLINK, SOCK_RAW)
HAS(packet, AF_PACKET, SOCK_RAW)
HAS(vsock, AF_VSOCK, SOCK_STREAM)
HAS(alg, AF_ALG, SOCK_SEQPACKET)

static struct sockaddr_in loopback(const char *name) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)target_number(name)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool tcp(void) {
    struct sockaddr_in address = loopback("tcp");
    return address.sin_port && !connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static bool udp(void) {
    struct sockaddr_in address = loopback("udp");
    int link = socket(AF_INET, SOCK_DGRAM, 0);
    return address.sin_port && sendto(link, "evil", 4, 0, (struct sockaddr *)&address, sizeof address) == 4;
}

static bool tcp_listen(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int link = socket(AF_INET, SOCK_STREAM, 0);
    return !bind(link, (struct sockaddr *)&address, sizeof address) && !listen(link, 1);
}

static struct sockaddr_un named(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (name) strncpy(address.sun_path, name, sizeof address.sun_path - 1);
    return address;
}

static bool path_socket(void) {
    struct sockaddr_un address = named(target("socket"));
    return *address.sun_path && !connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static bool abstract_socket(void) {
    const char *name = target("abstract");
    if (!name) return false;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    return !connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, size);
}

static bool datagram(void) {
    struct sockaddr_un address = named(target("datagram"));
    int link = socket(AF_UNIX, SOCK_DGRAM, 0);
    return *address.sun_path && sendto(link, "evil", 4, 0, (struct sockaddr *)&address, sizeof address) == 4;
}

/// A pair is connected, and one of datagram sockets sends elsewhere all the same.
static bool datagram_by_pair(void) {
    struct sockaddr_un address = named(target("datagram"));
    int pair[2];
    if (!*address.sun_path || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) return false;
    return sendto(pair[0], "evil", 4, 0, (struct sockaddr *)&address, sizeof address) == 4;
}

/// Who is connected to whom; in a network namespace of its own nobody is.
static bool connections(void) {
    static const char *const names[] = {"/proc/self/net/tcp", "/proc/net/tcp", "/proc/net/unix"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        FILE *file = fopen(names[index], "re");
        char line[512];
        if (file && fgets(line, sizeof line, file) && fgets(line, sizeof line, file)) return true;
    }
    return false;
}

static bool vsock(void) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = VMADDR_PORT_ANY};
    int link = socket(AF_VSOCK, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (link < 0) link = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
    return link >= 0 && !bind(link, (struct sockaddr *)&address, sizeof address);
}

/// Programs for the kernel, by the socket that it was given.
static bool packet_filter(void) {
    const char *given = getenv("WEIR_ADDON_FD");
    struct {
        unsigned short length;
        const void *code;
    } filter = {1, &(struct { unsigned short code; unsigned char yes, no; unsigned value; }){0x06, 0, 0, 0xFFFFFFFF}};
    return given && !setsockopt(atoi(given), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

const struct attack socket_attacks[] = {
    {"socket-inet", has_inet},
    {"socket-inet-datagram", has_inet_datagram},
    {"socket-inet6", has_inet6},
    {"socket-raw", has_raw},
    {"socket-unix", has_unix},
    {"socket-netlink", has_netlink},
    {"socket-packet", has_packet},
    {"socket-vsock", has_vsock},
    {"socket-alg", has_alg},
    {"tcp-connect", tcp},
    {"tcp-listen", tcp_listen},
    {"udp-send", udp},
    {"unix-path", path_socket},
    {"unix-abstract", abstract_socket},
    {"unix-datagram", datagram},
    {"unix-datagram-by-pair", datagram_by_pair},
    {"vsock-bind", vsock},
    {"connections", connections},
    {"socket-filter", packet_filter},
    {0},
};
