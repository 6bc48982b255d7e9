"""DNS as the tests see it: dnspython's messages, a name server that answers with what the test says, and questions to the proxy."""

import socket
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset


class NameServer:
    """Listens on one port over UDP and TCP; `answer(query, transport)` returns a message, octets, a list of octets or None."""

    def __init__(self, answer, host: str = "127.0.0.1", port: int = 0):
        self.answer, self.host, self.queries, self.connections = answer, host, [], 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        while True:
            self.stream = socket.create_server((host, port), family=family)
            self.port = self.stream.getsockname()[1]
            self.datagrams = socket.socket(family, socket.SOCK_DGRAM)
            self.datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            try:
                self.datagrams.bind((host, self.port))
                break
            except OSError:
                self.stream.close()
        self.stopped = False
        threading.Thread(target=self._serve_datagrams, daemon=True).start()
        threading.Thread(target=self._serve_streams, daemon=True).start()

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _octets(self, wire: bytes, transport: str, address) -> list[bytes]:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return []  # dnspython is stricter about some records than the proxy, which passes them on
        self.queries.append((transport, query, address))
        made = self.answer(query, transport)
        made = made if isinstance(made, list) else [] if made is None else [made]
        return [one if isinstance(one, bytes) else one.to_wire() for one in made]

    def _serve_datagrams(self):
        while True:
            wire, address = self.datagrams.recvfrom(65536)
            if self.stopped:
                return self.datagrams.close()
            for octets in self._octets(wire, "udp", address):
                self.datagrams.sendto(octets, address)

    def _serve_streams(self):
        while True:
            connection, address = self.stream.accept()
            if self.stopped:
                return self.stream.close()
            self.connections += 1
            threading.Thread(target=self._serve_stream, args=(connection, address), daemon=True).start()

    def _serve_stream(self, connection, address):
        with connection:
            reader = connection.makefile("rb")
            while len(size := reader.read(2)) == 2:
                for octets in self._octets(reader.read(struct.unpack("!H", size)[0]), "tcp", address):
                    connection.sendall(struct.pack("!H", len(octets)) + octets)

    def stop(self):
        """Wakes both threads, which closing their sockets would not."""
        self.stopped = True
        family = self.datagrams.family
        with socket.socket(family, socket.SOCK_DGRAM) as waker, socket.socket(family) as caller:
            waker.sendto(b"", (self.host, self.port))
            caller.connect((self.host, self.port))


def answering(*records: str, flags: int = 0, rcode: int = 0):
    """An answer of the records, each `type value`, to any question."""

    def answer(query, transport):
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | flags
        response.set_rcode(rcode)
        for record in records if query.question else []:
            kind, value = record.split(" ", 1)
            response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, value))
        return response

    return answer


def ask(port: int, name: str, kind: str = "A", tcp: bool = False, host: str = "127.0.0.1", seconds: float = 8, **options):
    """The proxy's answer, checked by dnspython: id and question are the query's."""
    query = dns.message.make_query(name, kind, **options)
    function = dns.query.tcp if tcp else dns.query.udp
    return function(query, host, timeout=seconds, port=port)


def texts(response) -> list[str]:
    """`type value` of each record of the answer."""
    found = []
    for rrset in response.answer:
        found += [f"{dns.rdatatype.to_text(rrset.rdtype)} {record.to_text()}" for record in rrset]
    return found


class Stream:
    """A TCP connection to the proxy on which messages are written and read as octets."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=8)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, *messages):
        octets = [one if isinstance(one, bytes) else one.to_wire() for one in messages]
        self.socket.sendall(b"".join(struct.pack("!H", len(one)) + one for one in octets))

    def receive(self) -> bytes | None:
        size = self.reader.read(2)
        return self.reader.read(struct.unpack("!H", size)[0]) if size else None
