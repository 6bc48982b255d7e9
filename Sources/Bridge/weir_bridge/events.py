"""What a hook's functions are called with, where it is no flow, and what an answer takes from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from . import wire
from .connections import Connections, changed_connection

_LAYERS = {
    "HttpLayer": "http", "ClientTLSLayer": "tls", "ServerTLSLayer": "tls", "DNSLayer": "dns", "TCPLayer": "tcp", "UDPLayer": "udp",
}


class Context:
    """Both connections of what goes on."""

    def __init__(self, client: Any, server: Any, options: Any):
        self.client, self.server, self.options, self.layers = client, server, options, []


class ClientHello:
    """What a client's first TLS message says; of its extensions, the types."""

    def __init__(self, seen: dict):
        self.sni = seen["sni"]
        self.alpn_protocols = [wire.take_bytes(one) for one in seen["alpn_protocols"]]
        self.cipher_suites = seen["cipher_suites"]
        self.extensions = [(number, b"") for number in seen["extensions"]]

    def raw_bytes(self, wrap_in_record: bool = True) -> bytes:
        raise NotImplementedError("ClientHello.raw_bytes: the message's bytes do not leave the proxy")

    def __repr__(self):
        return f"ClientHello(sni: {self.sni}, alpn_protocols: {self.alpn_protocols})"


class NextLayer:
    """A connection whose protocol is being decided. `layer` is a word of the core's (tls, http, tcp, dns, ignore) or a layer."""

    def __init__(self, context: Context, seen: dict):
        self.context, self.layer = context, None
        self.ignore_connection = False
        self._data = wire.take_bytes(seen["data_client"])

    def data_client(self) -> bytes:
        return self._data

    def data_server(self) -> bytes:
        return b""

    @property
    def choice(self) -> str | None:
        if self.ignore_connection or getattr(self.layer, "flow", self) is None:
            return "ignore"
        return self.layer if isinstance(self.layer, str) else _LAYERS.get(type(self.layer).__name__)


class Data(SimpleNamespace):
    """A hook's argument with named members."""


class Events:
    """Makes the arguments; an object that was made once for a connection is that connection's ever after."""

    def __init__(self, connections: Connections, options: Any, log_entry: Any):
        self._connections, self._options, self._log_entry = connections, options, log_entry

    def arguments(self, hook: str, params: dict) -> tuple:
        if hook in ("log",):
            entry = params["entry"]
            return (self._log_entry(entry["msg"], entry["level"]),)
        client = self._connections.take(params["client_conn"], True)
        if hook == "client_connected":
            self._connections.hold(client)
        if hook == "client_disconnected":
            self._connections.release(client)
        if hook.startswith("client_"):
            return (client,)
        if hook == "socks5_auth":
            return (Data(client_conn=client, **{name: params[name] for name in ("username", "password", "valid")}),)
        server = self._connections.take(params["server_conn"], False)
        if hook == "server_connect":
            self._connections.hold(server)
        if hook in ("server_disconnected", "server_connect_error"):
            self._connections.release(server)
        if hook.startswith("server_"):
            return (Data(server=server, client=client),)
        context = Context(client, server, self._options)
        if hook == "next_layer":
            return (NextLayer(context, params),)
        if hook == "tls_clienthello":
            return (
                Data(
                    context=context, client_hello=ClientHello(params["client_hello"]),
                    ignore_connection=params["ignore_connection"], establish_server_tls_first=params["establish_server_tls_first"]),
            )
        return (Data(conn=client if hook.endswith("_client") else server, context=context, ssl_conn=None, is_dtls=False),)

    def old_arguments(self, name: str, arguments: tuple) -> tuple:
        """What versions before 7 gave to the hook of that name."""
        if name in ("clientconnect", "clientdisconnect"):
            return (Data(client_conn=arguments[0]),)
        if name in ("serverconnect", "serverdisconnect"):
            return (arguments[0].server,)
        return arguments

    def changes(self, hook: str, params: dict, arguments: tuple) -> dict:
        """What the functions made of them, as the core takes it."""
        data, patch = arguments[0], {}
        for name in ("ignore_connection", "establish_server_tls_first", "valid"):
            if name in params and bool(getattr(data, name)) != params[name]:
                patch[name] = bool(getattr(data, name))
        if hook == "next_layer" and data.choice is not None:
            patch["layer"] = data.choice
        if hook in ("client_disconnected", "server_disconnected", "log"):
            return {}
        for member in ("client_conn", "server_conn"):
            if member in params and (change := changed_connection(self._connections.known(params[member]["id"]))):
                patch[member] = change
        return patch
