"""Flows for tests."""

from __future__ import annotations

from typing import Any

from mitmproxy import connection, dns, flow, http, tcp, udp, websocket
from mitmproxy.proxy import mode_specs
from mitmproxy.test.tutils import START, tdnsreq, tdnsresp, treq, tresp

__all__ = ["tclient_conn", "tdnsflow", "tdnsreq", "tdnsresp", "terr", "tflow", "tflows", "treq", "tresp", "tserver_conn"]
__all__ += ["ttcpflow", "tudpflow", "twebsocket", "twebsocketflow"]


def tclient_conn() -> connection.Client:
    return connection.Client(
        peername=("127.0.0.1", 22),
        sockname=("", 0),
        state=connection.ConnectionState.OPEN,
        certificate_list=[],
        alpn=b"http/1.1",
        alpn_offers=[],
        cipher="cipher",
        cipher_list=[],
        tls_version="TLSv1.2",
        sni="address",
        timestamp_start=START,
        timestamp_tls_setup=START + 1,
        timestamp_end=START + 6,
    )


def tserver_conn() -> connection.Server:
    return connection.Server(
        address=("address", 22),
        peername=("192.168.0.1", 22),
        sockname=("address", 22),
        certificate_list=[],
        alpn_offers=[],
        cipher_list=[],
        tls_version="TLSv1.2",
        sni="address",
        timestamp_start=START + 2,
        timestamp_tcp_setup=START + 3,
        timestamp_tls_setup=START + 4,
        timestamp_end=START + 5,
    )


def terr(content: str = "error") -> flow.Error:
    return flow.Error(content, START + 7)


def _made(kind: type, client_conn: Any, server_conn: Any, err: Any, live: bool = True) -> Any:
    """A flow; True stands for a connection or error of ours."""
    client = tclient_conn() if client_conn in (True, None) else client_conn
    server = tserver_conn() if server_conn in (True, None) else server_conn
    made = kind(client, server, live)
    made.timestamp_created = client.timestamp_start
    made.error = terr() if err is True else err or None
    return made


def tflow(
    *,
    client_conn: connection.Client | None = None,
    server_conn: connection.Server | None = None,
    req: http.Request | None = None,
    resp: bool | http.Response = False,
    err: bool | flow.Error = False,
    ws: bool | websocket.WebSocketData = False,
    live: bool = True,
) -> http.HTTPFlow:
    made = _made(http.HTTPFlow, client_conn, server_conn, err, live)
    made.request = treq() if req is None else req
    made.response = tresp() if resp is True else resp or None
    made.websocket = twebsocket() if ws is True else ws or None
    return made


def twebsocket(messages: bool = True) -> websocket.WebSocketData:
    made = websocket.WebSocketData(closed_by_client=False, close_code=1000, close_reason="Close Reason", timestamp_end=START + 5)
    if messages:
        made.messages = [
            websocket.WebSocketMessage(websocket.Opcode.BINARY, True, b"hello binary", START + 3),
            websocket.WebSocketMessage(websocket.Opcode.TEXT, True, b"hello text", START + 4),
            websocket.WebSocketMessage(websocket.Opcode.TEXT, False, b"it's me", START + 5),
        ]
    return made


def twebsocketflow(messages: bool = True, err: Any = None, close_code: int | None = None, close_reason: str = "") -> http.HTTPFlow:
    made = tflow(
        req=treq(
            host="example.com",
            port=80,
            authority=b"example.com",
            path=b"/ws",
            headers=http.Headers(
                [
                    (b"connection", b"upgrade"),
                    (b"upgrade", b"websocket"),
                    (b"sec-websocket-version", b"13"),
                    (b"sec-websocket-key", b"1234"),
                ]
            ),
            content=b"",
        ),
        resp=tresp(
            status_code=101,
            reason=b"Switching Protocols",
            headers=http.Headers([(b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-accept", b"")]),
            content=b"",
        ),
        ws=True,
    )
    made.websocket.close_reason = close_reason  # type: ignore[union-attr]
    made.websocket.close_code = close_code if close_code is not None else 1006 if err else 1000  # type: ignore[union-attr]
    return made


def tdnsflow(
    *,
    client_conn: connection.Client | None = None,
    server_conn: connection.Server | None = None,
    req: dns.Message | None = None,
    resp: bool | dns.Message = False,
    err: bool | flow.Error = False,
    live: bool = True,
) -> dns.DNSFlow:
    client = client_conn or tclient_conn()
    server = server_conn or tserver_conn()
    if client_conn is None:
        client.proxy_mode = mode_specs.ProxyMode.parse("dns")
        client.transport_protocol = "udp"
    if server_conn is None:
        server.transport_protocol = "udp"
    made = _made(dns.DNSFlow, client, server, err, live)
    made.request = tdnsreq() if req is None else req
    made.response = tdnsresp() if resp is True else resp or None
    return made


def _messages(kind: type) -> list[Any]:
    return [kind(True, b"hello", START + 4.2), kind(False, b"it's me", START + 4.5)]


def ttcpflow(client_conn: Any = True, server_conn: Any = True, messages: Any = True, err: Any = None) -> tcp.TCPFlow:
    made = _made(tcp.TCPFlow, client_conn, server_conn, err)
    made.messages = _messages(tcp.TCPMessage) if messages is True else messages or []
    return made


def tudpflow(client_conn: Any = True, server_conn: Any = True, messages: Any = True, err: Any = None) -> udp.UDPFlow:
    made = _made(udp.UDPFlow, client_conn, server_conn, err)
    made.messages = _messages(udp.UDPMessage) if messages is True else messages or []
    return made


def tflows() -> list[flow.Flow]:
    """One of each kind."""
    http_flows = [tflow(resp=True), tflow(err=True), tflow(ws=True)]
    others = [ttcpflow(), ttcpflow(err=True), tudpflow(), tudpflow(err=True), tdnsflow(resp=True), tdnsflow(err=True)]
    return [*http_flows, *others]
