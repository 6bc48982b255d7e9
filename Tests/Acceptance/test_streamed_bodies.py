"""Large bodies that no worker asks for: a gibibyte each way in bounded memory, also where the receiver is slower than the sender."""

import socket
import subprocess
import threading
from pathlib import Path

import pytest
from support.h2frames import Frames, Setting, window
from support.nginx import Nginx
from support.origin import Origin
from support.proxy import eventually, peak
from support.wire import Wire

MIB = 1 << 20
GIB = 1 << 30
MOST = 48 * MIB
"""What a buffer of the system's takes in on top of that (32 MiB) would not fit in."""
LOCATIONS = "location /down {{ alias {body}; }} location /up {{ proxy_pass http://{sink}; proxy_http_version 1.1; proxy_request_buffering off; client_max_body_size 0; }}"
FLAGS = {"h1": ["--http1.1"], "h1 in tls": ["--http1.1"], "h2": ["--http2"]}


def mark(number: int) -> bytes:
    """How the mebibyte of that number begins."""
    return b"block %08d " % number


def check_blocks(read) -> int:
    """Takes bytes from `read(count)` to their end, each in its place: how many there were."""
    size, zeros = 0, bytes(MIB)
    while block := read(MIB):
        expected = mark(size // MIB)
        assert block[: len(expected)] == expected, (size, block[:32])
        assert block[len(expected) :] == zeros[len(expected) : len(block)], size
        size += len(block)
    return size


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> Path:
    """A gibibyte in which every mebibyte says which it is; most of it is a hole."""
    file = tmp_path_factory.mktemp("large") / "body"
    with file.open("wb") as out:
        out.truncate(GIB)
        for number in range(GIB // MIB):
            out.seek(number * MIB)
            out.write(mark(number))
    return file


def take(wire: Wire, server: Origin) -> None:
    """Takes in a request's body, and answers with its size."""
    while True:
        head = wire.until(b"\r\n\r\n").lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
        body = Sized(wire, int(length)) if length else Chunks(wire)
        text = b"%d" % check_blocks(body.read)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


class Sized:
    """The body of a message of that length."""

    def __init__(self, wire: Wire, size: int):
        self.wire, self.left = wire, size

    def read(self, count: int) -> bytes:
        block = self.wire.exactly(min(count, self.left))
        self.left -= len(block)
        return block


class Chunks:
    """The body of a chunked message, without its framing."""

    def __init__(self, wire: Wire):
        self.wire, self.left, self.ended = wire, 0, False

    def read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count and not self.ended:
            if not self.left:
                self.left = int(self.wire.until(b"\r\n"), 16)
                self.ended = not self.left
            part = self.wire.exactly(min(self.left, count - len(found)))
            self.left -= len(part)
            found += part
            if not self.left:
                assert self.wire.exactly(2) == b"\r\n"
        return bytes(found)


@pytest.fixture(params=FLAGS)
def way(request, weir, nginx, authority, origin, body):
    """`way(path, *arguments)` is the command with which curl goes through a proxy to nginx; beside it, the proxy."""
    extra = LOCATIONS.format(body=body, sink=origin(take).authority)
    server: Nginx = nginx(None if request.param == "h1" else authority.leaf("127.0.0.1"), extra, http2=request.param == "h2")
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")

    def command(path: str, *arguments) -> list:
        return ["curl", "-sS", "--fail", "-x", proxy.url, "--cacert", proxy.ca, *FLAGS[request.param], *arguments, server.url(path)]

    return command, proxy


@pytest.mark.seconds(240)
def test_a_gibibyte_from_the_server(way):
    command, proxy = way
    with subprocess.Popen(command("/down"), stdout=subprocess.PIPE) as curl:
        assert check_blocks(curl.stdout.read) == GIB
    assert curl.returncode == 0
    assert peak(proxy.process) < MOST, f"{peak(proxy.process) / MIB:.1f} MiB"


@pytest.mark.seconds(240)
def test_a_gibibyte_from_the_client(way, body):
    command, proxy = way
    told = subprocess.run(command("/up", "-T", body, "-H", "Expect:", "-X", "POST"), capture_output=True)
    assert told.stdout == b"%d" % GIB, told
    assert peak(proxy.process) < MOST, f"{peak(proxy.process) / MIB:.1f} MiB"


# A receiver that is slower than the sender

TRICKLE = 200
"""So many reads of a kibibyte, in the middle."""


class Sender(threading.Thread):
    """Sends a gibibyte, as fast as it can: `sent` is how much the system has taken so far, `stands` when it takes no more for a second."""

    def __init__(self, sock: socket.socket, frame=lambda block: block):
        super().__init__(daemon=True)
        self.sock, self.frame, self.sent, self.stands, self.failure = sock, frame, 0, threading.Event(), None
        self.start()

    def run(self) -> None:
        self.sock.settimeout(1)
        try:
            for number in range(GIB // MIB):
                block = memoryview(self.frame(mark(number).ljust(MIB, b"\0")))
                while block:
                    try:
                        count = self.sock.send(block)
                    except TimeoutError:
                        self.stands.set()
                        continue
                    self.sent += count
                    block = block[count:]
        except OSError as failure:
            self.failure = failure

    def end(self) -> None:
        self.join(10)
        assert not self.is_alive() and not self.failure, self.failure


def slowly(sender: Sender, read, proxy) -> None:
    """Reads nothing until the sender is stopped, then a little, then all; `read(count)` is the receiver's."""
    assert sender.stands.wait(20), "the sender was never stopped"
    assert sender.sent < 64 * MIB, f"{sender.sent / MIB:.1f} MiB: sockets' buffers, and a little of ours"
    early = bytearray()
    for _ in range(TRICKLE):
        early += read(1024)
    assert peak(proxy.process) < MOST
    assert sender.sent < 64 * MIB

    def both(count: int) -> bytes:
        block = bytes(early[:count])
        del early[:count]
        return block + read(count - len(block)) if len(block) < count else block

    assert check_blocks(both) == GIB
    sender.end()
    assert peak(proxy.process) < MOST, f"{peak(proxy.process) / MIB:.1f} MiB"


@pytest.mark.seconds(120)
@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_a_client_that_reads_slowly(weir, origin, framing):
    senders = []
    head = {"length": f"Content-Length: {GIB}\r\n", "chunked": "Transfer-Encoding: chunked\r\n", "until close": ""}[framing].encode()

    def serve(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        chunk = (lambda block: b"%x\r\n%s\r\n" % (len(block), block)) if framing == "chunked" else (lambda block: block)
        senders.append(Sender(wire.sock, chunk))
        senders[0].join(100)
        if framing == "chunked":
            wire.send(b"0\r\n\r\n")

    server = origin(serve)
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    with proxy.connect() as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        wire.until(b"\r\n\r\n")
        # Without a length it comes in chunks.
        read = (Sized(wire, GIB) if framing == "length" else Chunks(wire)).read
        slowly(eventually(lambda: senders and senders[0]), read, proxy)


@pytest.mark.seconds(120)
def test_a_client_of_http2_that_reads_slowly(weir, origin):
    """It allows for everything, and then leaves it in its socket."""
    senders = []

    def serve(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        senders.append(Sender(wire.sock))
        senders[0].join(100)

    server = origin(serve)
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    with Frames.client(socket.create_connection(("127.0.0.1", proxy.port), 5), (Setting.INITIAL_WINDOW_SIZE, 2**31 - 1), timeout=20).settled() as f:
        f.send(window(0, 2**31 - 1 - 65535), f.headers(1, (":method", "GET"), (":scheme", "http"), (":authority", server.authority), (":path", "/")))
        taken = bytearray()

        def read(count: int) -> bytes:
            while len(taken) < count and not (1 in f.answers and f.answers[1].ended):
                f.next()
                f.frames.clear()
                if 1 in f.answers:
                    taken.extend(f.answers[1].body)
                    f.answers[1].body = bytearray()
            block = bytes(taken[:count])
            del taken[:count]
            return block

        slowly(eventually(lambda: senders and senders[0]), read, proxy)


@pytest.mark.seconds(120)
def test_a_server_that_reads_slowly(weir, origin):
    met, over = [], threading.Event()

    def serve(wire, server):
        wire.until(b"\r\n\r\n")
        met.append(wire)
        over.wait(100)

    server = origin(serve)
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    with proxy.connect() as client:
        client.send(f"POST / HTTP/1.1\r\nHost: {server.authority}\r\nContent-Length: {GIB}\r\n\r\n".encode())
        sender = Sender(client.sock)
        slowly(sender, Sized(eventually(lambda: met and met[0]), GIB).read, proxy)
        over.set()


@pytest.mark.seconds(120)
def test_a_server_of_http2_that_allows_for_little(weir, origin):
    """It opens its window by a kibibyte at a time, then by much: the client of HTTP/1 waits for that."""
    met, over = [], threading.Event()

    def serve(wire, server):
        wire.sock.settimeout(20)
        f = Frames.server(wire)
        f.until(lambda got: got.stream == 1)
        met.append(f)
        over.wait(100)

    server = origin(serve)
    proxy = weir(modes=[f"reverse:h2c://{server.authority}"])
    with proxy.connect() as client:
        client.send(f"POST / HTTP/1.1\r\nHost: {server.authority}\r\nContent-Length: {GIB}\r\n\r\n".encode())
        sender = Sender(client.sock)
        f, taken, opened = eventually(lambda: met and met[0]), bytearray(), 65535

        def read(count: int) -> bytes:
            nonlocal opened
            while len(taken) < count and not f.answers[1].ended:
                if opened == 0:
                    opened = max(count, 1024)
                    f.send(window(0, opened), window(1, opened))
                got = f.next()
                f.frames.clear()
                if got.stream == 1:
                    opened -= len(f.answers[1].body)
                    taken.extend(f.answers[1].body)
                    f.answers[1].body = bytearray()
            block = bytes(taken[:count])
            del taken[:count]
            return block

        slowly(sender, read, proxy)
        over.set()
