"""States of every flow type: there, back, refused; copies, backups, life."""

import copy

from flows import client, dns_flow, each, http_flow, request, response, server, tcp_flow, udp_flow, websocket_messages

from mitmproxy import dns, exceptions, flow, http, tcp, udp, websocket
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import mode_specs

def changed(made, **members):
    """What comes of a state with these members; a member that is `...` is left out."""
    state = made.get_state()
    for name, value in members.items():
        if value is ...:
            state.pop(name)
        else:
            state[name] = value
    made.set_state(state)
    return made.get_state(), state


def rebuilt(made, **members):
    state = {**made.get_state(), **members}
    return type(made).from_state({name: value for name, value in state.items() if value is not ...}).get_state()


def set_(made, name, value):
    setattr(made, name, value)
    return getattr(made, name)


def backed_up():
    made = http_flow()
    seen = [made.modified()]
    made.backup()
    seen.append(made.modified())
    made.request.path = "/changed"
    made.comment = "c"
    seen += [made.modified(), made.get_state()]
    made.backup()
    made.request.path = "/again"
    made.revert()
    seen += [made.modified(), made.request.path, made.comment, made.get_state()]
    made.revert()
    return seen


def copied(made):
    other = made.copy()
    identity = (other is made, other.id == made.id, other.live, other.client_conn.id == made.client_conn.id, other == made)
    state, original = other.get_state(), made.get_state()
    return identity, {name: value for name, value in state.items() if name != "id"} == {n: v for n, v in original.items() if n != "id"}


def lived(made, *steps):
    """Kill, resume and intercept, and what is seen after each."""
    seen = []
    for step in steps:
        try:
            result = getattr(made, step)()
        except Exception as error:
            result = type(error).__name__
        seen.append((step, result, made.killable, made.intercepted, made.live, str(made.error)))
    return seen


EXPRESSIONS = r"""
[made.get_state() for made in each().values()]
[list(made.get_state()) for made in each().values()]
[type(made).from_state(made.get_state()).get_state() == made.get_state() for made in each().values()]
[type(flow.Flow.from_state(made.get_state())).__name__ for made in each().values()]
[copied(made) for name, made in each().items() if not name.startswith(("dns", "query"))]
[(lambda c: (c.id, c.request.get_state(), c.live))(made.copy()) for made in (dns_flow(),)]
[repr(made) for made in each().values()]
[str(made) for made in each().values()]
[made.timestamp_start for made in each().values()]
[made.type for made in each().values()], [sorted(kind.__name__ for kind in (http.HTTPFlow, tcp.TCPFlow, udp.UDPFlow, dns.DNSFlow))]
[changed(made) for made in each().values()]
http_flow().mode, http_flow().websocket, http_flow().response, http_flow().error, http_flow().marked, http_flow().is_replay, http_flow().metadata
changed(http_flow(), version=20)
changed(http_flow(), type="tcp")
changed(http_flow(), extra=1)
changed(http_flow(), marked=...)
changed(http_flow(), backup=...)
changed(http_flow(), request=...)
changed(http_flow(), response=...)
changed(http_flow(), websocket=...)
changed(http_flow(), error={"msg": "x"})
changed(http_flow(), error={"msg": "x", "timestamp": 1})
changed(http_flow(error="old"), error={"msg": "x", "timestamp": 1})
changed(http_flow(error="old"), error=None)
changed(http_flow(error="old"), error={"msg": "x", "timestamp": 1, "extra": 1})
changed(http_flow(), error={"msg": 5, "timestamp": 1})
changed(http_flow(), metadata={"a": [1, 2]}, comment="x", marked=":x:", intercepted=True, is_replay="response", id="other", timestamp_created=5)
changed(http_flow(), response=response().get_state())
changed(http_flow(made_response=response()), response=None)
changed(http_flow(), request={"host": "x"})
changed(http_flow(), request={**request().get_state(), "port": "x"})
changed(http_flow(), websocket=websocket.WebSocketData().get_state())
changed(http_flow(messages=[]), websocket=None)
changed(tcp_flow(), messages=[(True, b"x", 5.0), [False, b"y", 6]])
changed(tcp_flow(), messages=[(True, b"x")])
changed(tcp_flow(), messages=[(True, b"x", 0)])
changed(tcp_flow(), messages=[(True, b"x", 1, 2)])
changed(tcp_flow(), messages=...)
changed(tcp_flow(), request=None)
changed(udp_flow(), messages=[(True, b"x", 5.0)])
changed(dns_flow(), response=None)
changed(dns_flow(), request={"id": 5})
changed(dns_flow(), request={**dns_flow().request.get_state(), "timestamp": None})
changed(dns_flow(), request={**dns_flow().request.get_state(), "id": "x"})
changed(dns_flow(), request={**dns_flow().request.get_state(), "extra": "x"})
changed(dns_flow(), request={**dns_flow().request.get_state(), "questions": [{"name": "a", "type": 1}]})
changed(dns_flow(), request={**dns_flow().request.get_state(), "query": 1})
changed(client(), extra=1)
changed(client(), tls=...)
changed(client(), peername=None)
changed(client(), timestamp_start=None)
changed(client(), tls_version="TLSv9")
changed(client(), tls_version="TLSv1.3", alpn=b"h2", alpn_offers=[b"h2"], cipher="c", cipher_list=["c"], sni="a", tls=True)
changed(client(), transport_protocol="sctp")
changed(client(), proxy_mode="nope")
changed(client(), proxy_mode="reverse:https://a@80")
changed(client(), certificate_list=[b"nope"])
changed(client(), certificate_list=None)
changed(client(), mitmcert=None)
changed(client(), peername=(1, 2))
changed(client(), peername=["a", 2])
changed(client(), peername=("a", 2, 3, 4))
changed(client(), peername=("a", 2, 3))
changed(client(), peername=("a", "2"))
changed(client(), tls=1)
changed(client(), sni=5)
changed(client(), sni=b"a")
changed(client(), timestamp_start=5)
changed(client(), timestamp_start="5")
changed(client(), timestamp_end=True)
changed(client(), alpn_offers=["a"])
changed(client(), alpn_offers=None)
changed(client(), alpn_offers=(b"a",))
changed(client(), cipher_list=[b"a"])
changed(client(), alpn="h2")
changed(client(), error=5)
changed(client(), id=5)
changed(server(), extra=1)
changed(server(), address=None), changed(server(), address=["a", 5])
changed(server(), address="a:5")
changed(server(), address=("a", 5, 0, 0))
changed(server(), via=("https", ("a", 1))), changed(server(), via=["https", ["a", 1]])
changed(server(), via=("foo", ("a", 1)))
changed(server(), via=("https", "a"))
changed(server(), peername=None, sockname=None, timestamp_start=None)
changed(server(state=ConnectionState.OPEN), address=("other", 5))
changed(server(state=ConnectionState.OPEN), via=("https", ("a", 1)))
changed(server(state=ConnectionState.OPEN)), changed(server(state=ConnectionState.CAN_READ), address=("other", 5))
set_(server(state=ConnectionState.OPEN), "address", ("other", 5))
set_(server(), "address", ("other", 5)), set_(server(), "via", ("http", ("a", 1))), set_(client(), "peername", ("x", 1)), set_(client(), "anything", 5)
rebuilt(client()), rebuilt(server()), rebuilt(flow.Error("x", 1.0)), rebuilt(response()), rebuilt(request())
rebuilt(client(), extra=1)
rebuilt(server(), via=...)
Client.from_state({})
client() == client(), client() == client(id="x"), client() == server(id="client-1"), hash(client()) == hash("client-1"), client() in {client()}
str(client()), repr(client()), str(server()), repr(server())
[str(made) for made in (client(state=ConnectionState.OPEN), client(alpn=b"h2", state=ConnectionState.CAN_READ), client(tls=True, timestamp_tls_setup=5.0), client(peername=("::1", 5)), client(error="x"), client(state=ConnectionState.CAN_WRITE), client(tls=True))]
[str(made) for made in (server(address=None), server(sockname=("a", 5), timestamp_tls_setup=5.0, alpn=b"h2"), server(via=("https", ("p", 1))), server(tls=True), server(timestamp_tls_setup=5.0, alpn=b""), server(error="e"))]
repr(client(cipher_list=["a", "b"], alpn=b"", tls=True, error="e")), repr(server(via=("https", ("p", 1)), timestamp_start=5.0, certificate_list=[]))
Client(peername=("a", 1), sockname=("b", 2)).get_state(), Server(address=None).get_state(), Server(address=("a", 1)).get_state()
Client(("a", 1), ("b", 2), 1.0)
Server(("a", 1))
Client()
client().address, client().cipher_name, client().clientcert, client().alpn_proto_negotiated, server().ip_address, server().cert
set_(client(), "address", ("q", 1)), set_(server(), "cert", None), set_(client(), "clientcert", None)
[(made.connected, made.tls_established) for made in (client(), client(state=ConnectionState.OPEN), client(timestamp_tls_setup=0.0), client(state=ConnectionState.CAN_READ), client(tls=True))]
client().copy().id == "client-1", client().copy().get_state(), server().copy().get_state()
list(ConnectionState), ConnectionState.OPEN & ~ConnectionState.CAN_READ, ConnectionState(3)
client().proxy_mode, client().mitmcert, client().state
flow.Error("x"), str(flow.Error("x", 1)), flow.Error("x", 1).get_state(), flow.Error("x", 1.5).copy().get_state(), flow.Error("x", 1) == flow.Error("x", 1), flow.Error.KILLED_MESSAGE
flow.Flow.from_state({"type": "nope"})
flow.Flow.from_state({})
tcp.TCPFlow.from_state(http_flow().get_state()).type
backed_up()
[lived(http_flow(), "intercept", "intercept", "resume", "resume", "kill", "kill"), lived(http_flow(), "kill", "resume", "intercept"), lived(http_flow(live=False), "kill", "intercept", "resume"), lived(http_flow(error="x"), "kill"), lived(http_flow(error="Connection killed."), "kill"), lived(http_flow(), "intercept", "kill", "resume")]
tcp.TCPMessage.from_state((True, b"x")).get_state(), tcp.TCPMessage.from_state((True, b"x", 0)).get_state(), udp.UDPMessage(False, b"x", 5).get_state()
tcp.TCPMessage.from_state((True,))
(lambda m: (m.set_state((False, b"y", 7)), m.get_state()))(tcp.TCPMessage(True, b"x"))
repr(tcp.TCPMessage(True, b"x")), repr(udp.UDPMessage(False, b"x")), tcp.TCPMessage(True, b"x", 5).copy().get_state(), tcp.TCPMessage(True, b"x", 5) == tcp.TCPMessage(True, b"x", 5)
[message.get_state() for message in websocket_messages()], [repr(message) for message in websocket_messages()], [message.is_text for message in websocket_messages()]
websocket.WebSocketMessage.from_state((1, True, b"x")).get_state(), websocket.WebSocketMessage.from_state([2, False, b"x", 0, True, True]).get_state()
websocket.WebSocketMessage.from_state((1, True, b"x", 1, False, False, 7))
websocket.WebSocketMessage(5, True, b"x")
websocket.WebSocketMessage(2, True, b"x").text
websocket.WebSocketMessage(1, True, b"\xff").text
websocket.WebSocketMessage(1, True, b"x").text, set_(websocket.WebSocketMessage(1, True, b"x"), "text", "☃"), websocket.WebSocketMessage(1, True, b"x").type == 1
set_(websocket.WebSocketMessage(1, True, b"x"), "text", b"x")
set_(websocket.WebSocketMessage(2, True, b"x"), "text", "x")
(lambda m: (m.drop(), m.dropped, m.get_state()))(websocket.WebSocketMessage(1, True, b"x", 5)), (lambda m: (m.kill(), m.dropped))(websocket.WebSocketMessage(1, True, b"x", 5))
(lambda m: (m.set_state((2, False, b"y", 7, True, True)), m.get_state()))(websocket.WebSocketMessage(1, True, b"x", 5))
websocket.WebSocketData().get_state(), repr(websocket.WebSocketData(messages=websocket_messages())), websocket.WebSocketData.from_state(websocket.WebSocketData(messages=websocket_messages()).get_state()).get_state()
websocket.WebSocketData.from_state({})
changed(websocket.WebSocketData(), close_code="x")
changed(websocket.WebSocketData(messages=websocket_messages()), closed_by_client=True, close_code=1001, close_reason="bye", timestamp_end=5)
(lambda f: (f.set_state(http_flow(made_response=response()).get_state()), f.client_conn is f.client_conn, f.get_state()))(http_flow())
(lambda f, c, s: (f.set_state(http_flow().get_state()), f.client_conn is c, f.server_conn is s))(*(lambda f: (f, f.client_conn, f.server_conn))(http_flow()))
(lambda f, e: (f.set_state(http_flow(error="b").get_state()), f.error is e, e.msg))(*(lambda f: (f, f.error))(http_flow(error="a")))
copy.copy(http_flow().request).get_state(), copy.deepcopy(client()).get_state(), copy.deepcopy(response()).get_state(), [copy.deepcopy(made).get_state() == made.get_state() for made in each().values()]
[mode_specs.ProxyMode.parse(m) for m in ("regular", "regular@8081", "upstream:http://a:1", "transparent", "reverse:https://a", "socks5", "dns", "wireguard", "wireguard:foo", "local", "local:curl", "reverse:tcp://a:5@127.0.0.1:99", "tun", "tun:x", "REGULAR", "reverse:http3://a", "regular@[::1]:5")]
[(m, v.transport_protocol, v.default_port, v.description, v.type_name, v.data, v.custom_listen_host, v.custom_listen_port, v.listen_host(), v.listen_port(), v.listen_host("h"), v.listen_port(9)) for m in ("regular", "upstream:a", "transparent", "reverse:a", "socks5", "dns", "wireguard", "local", "tun", "reverse:dns://a", "reverse:quic://a", "reverse:udp://a:5@b:7", "reverse:dtls://a:1", "reverse:tls://a:1", "regular@8081", "regular@:8081") for v in [mode_specs.ProxyMode.parse(m)]]
mode_specs.ProxyMode.parse("nope")
mode_specs.ProxyMode.parse("reverse")
mode_specs.ProxyMode.parse("reverse:foo://a")
mode_specs.ProxyMode.parse("upstream:tcp://a:5")
mode_specs.ProxyMode.parse("transparent:a")
mode_specs.ProxyMode.parse("regular@x")
mode_specs.ProxyMode.parse("regular@99999")
mode_specs.ProxyMode.parse("osproxy")
mode_specs.RegularMode.parse("dns")
mode_specs.RegularMode.parse("regular@5"), isinstance(mode_specs.ProxyMode.parse("dns"), mode_specs.DnsMode), mode_specs.ProxyMode.parse("dns") == mode_specs.ProxyMode.parse("dns"), mode_specs.ReverseMode.parse("reverse:a").address, mode_specs.ReverseMode.parse("reverse:a").scheme
set_(mode_specs.ProxyMode.parse("dns"), "data", "x")
exceptions.MitmproxyException(), str(exceptions.OptionsError("x")), exceptions.CommandError("x").args, issubclass(exceptions.CommandError, exceptions.MitmproxyException), issubclass(exceptions.ControlException, exceptions.MitmproxyException)
(lambda f: (f.get_state()["metadata"]["a"].append(2), f.metadata))(http_flow(metadata={"a": [1]}))
(lambda f: (f.backup(), http.HTTPFlow.from_state(f.get_state()).modified(), f.copy().modified()))(http_flow())
http.HTTPFlow(client(), server()).request
http.HTTPFlow(client(), server()).get_state()
repr(http.HTTPFlow(client(), server())), sorted(name for name in vars(http.HTTPFlow(client(), server())) if not name.startswith("_"))
repr(dns.DNSFlow(client(), server()))
bool(http_flow()), bool(request()), bool(response()), bool(websocket.WebSocketData()), http_flow() == http_flow(), len({http_flow()})
"""
