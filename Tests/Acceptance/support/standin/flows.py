"""Flows of every type, made with the package under test."""

from mitmproxy import connection, dns, flow, http, tcp, udp, websocket

T = 946681200.0


def client(**members):
    return connection.Client(
        **{"peername": ("127.0.0.1", 22), "sockname": ("10.0.0.1", 8080), "timestamp_start": T, "id": "client-1", **members}
    )


def server(**members):
    return connection.Server(**{"address": ("example.com", 443), "peername": ("192.168.0.1", 443), "id": "server-1", **members})


def request(method=b"GET", scheme=b"http", authority=b"", path=b"/path?a=b", version=b"HTTP/1.1", headers=(), content=b"content", **more):
    members = {"host": "example.com", "port": 80, "trailers": None, "timestamp_start": T, "timestamp_end": T + 1, **more}
    headers = tuple(headers) or ((b"Host", b"example.com"), (b"content-length", b"7"))
    return http.Request(
        method=method, scheme=scheme, authority=authority, path=path, http_version=version, headers=headers, content=content, **members
    )


def response(status=200, reason=b"OK", headers=((b"content-type", b"text/html"),), content=b"message", version=b"HTTP/1.1", **more):
    members = {"trailers": None, "timestamp_start": T + 2, "timestamp_end": T + 3, **more}
    return http.Response(http_version=version, status_code=status, reason=reason, headers=headers, content=content, **members)


def named(made, name):
    made.id = name
    made.timestamp_created = T
    return made


def http_flow(made_request=None, made_response=None, error=None, messages=None, **members):
    made = named(http.HTTPFlow(client(), server(), True), "http-1")
    made.request = made_request or request()
    made.response = made_response
    if error:
        made.error = flow.Error(error, T + 4)
    if messages is not None:
        made.websocket = websocket.WebSocketData(messages=messages, closed_by_client=False, close_code=1000, close_reason="", timestamp_end=T)
    for name, value in members.items():
        setattr(made, name, value)
    return made


def websocket_messages():
    return [
        websocket.WebSocketMessage(1, True, b"hello", T),
        websocket.WebSocketMessage(2, False, b"\x00binary", T + 1, True),
        websocket.WebSocketMessage(1, False, "snow ☃".encode(), T + 2, False, True),
    ]


def tcp_flow(**members):
    made = named(tcp.TCPFlow(client(), server(), True), "tcp-1")
    made.messages = [tcp.TCPMessage(True, b"hello", T), tcp.TCPMessage(False, b"it's me", T + 1)]
    for name, value in members.items():
        setattr(made, name, value)
    return made


def udp_flow(**members):
    made = named(udp.UDPFlow(client(transport_protocol="udp"), server(), True), "udp-1")
    made.messages = [udp.UDPMessage(True, b"ping", T), udp.UDPMessage(False, b"\xff\x00", T + 1)]
    for name, value in members.items():
        setattr(made, name, value)
    return made


def dns_query(name="example.org", kind=dns.types.A):
    flags = dict.fromkeys(["authoritative_answer", "truncation", "recursion_available"], False)
    records = {section: [] for section in ("answers", "authorities", "additionals")}
    return dns.Message(
        timestamp=T,
        id=42,
        query=True,
        op_code=dns.op_codes.QUERY,
        recursion_desired=True,
        reserved=0,
        response_code=dns.response_codes.NOERROR,
        questions=[dns.Question(name, kind, dns.classes.IN)],
        **flags,
        **records,
    )


def dns_flow(answered=True, **members):
    made = named(dns.DNSFlow(client(proxy_mode=client().proxy_mode), server(), True), "dns-1")
    made.request = dns_query()
    if answered:
        made.response = made.request.succeed([dns.ResourceRecord("example.org", dns.types.A, dns.classes.IN, 32, b"\x08\x08\x08\x08")])
    for name, value in members.items():
        setattr(made, name, value)
    return made


def each():
    """One flow of every kind by a name."""
    return {
        "request": http_flow(),
        "answered": http_flow(made_response=response(), comment="a comment", marked=":bomb:"),
        "failed": http_flow(error="server closed", metadata={"key": "value", "n": 5}),
        "websocket": http_flow(made_response=response(101), messages=websocket_messages()),
        "replayed": http_flow(made_response=response(404, b"Not Found"), is_replay="request"),
        "tcp": tcp_flow(),
        "udp": udp_flow(is_replay="response"),
        "dns": dns_flow(),
        "query": dns_flow(answered=False, marked="x"),
    }
