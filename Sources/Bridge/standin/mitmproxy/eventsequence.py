"""The events that a recorded flow has had."""

from collections.abc import Iterator

from mitmproxy import dns, flow, hooks, http, tcp, udp


def iterate(f: flow.Flow) -> Iterator[hooks.Hook]:
    """Its hooks in their order; messages appear in the flow one by one. TypeError for a flow of no known type."""
    if isinstance(f, http.HTTPFlow):
        names = _http(f)
    elif isinstance(f, dns.DNSFlow):
        names = iter(["dns_request"] + ["dns_response"] * bool(f.response) + ["dns_error"] * bool(f.error))
    elif isinstance(f, (tcp.TCPFlow, udp.UDPFlow)):
        names = _connection(f, f.type, f"{f.type}_error" if f.error else f"{f.type}_end")
    else:
        raise TypeError(f"{f!r} is a flow of no known type")
    for name in names:
        yield hooks.all_hooks[name](f)


def _http(f: http.HTTPFlow) -> Iterator[str]:
    if f.request:
        yield from ("requestheaders", "request")
    if f.response:
        yield from ("responseheaders", "response")
    if f.websocket:
        yield from _connection(f.websocket, "websocket", "websocket_end")
    elif f.error:
        yield "error"


def _connection(f, kind: str, end: str) -> Iterator[str]:
    messages, f.messages = f.messages, []
    yield f"{kind}_start"
    while messages:
        f.messages.append(messages.pop(0))
        yield f"{kind}_message"
    yield end
