"""What the hooks of connections carry."""

from dataclasses import dataclass

from mitmproxy import connection, hooks


@dataclass
class ServerConnectionHookData:
    """A server's connection and the client's that needs it. With `server.error` set in server_connect it is not made."""

    server: connection.Server
    client: connection.Client


ClientConnectedHook = hooks.all_hooks["client_connected"]
ClientDisconnectedHook = hooks.all_hooks["client_disconnected"]
ServerConnectHook = hooks.all_hooks["server_connect"]
ServerConnectedHook = hooks.all_hooks["server_connected"]
ServerDisconnectedHook = hooks.all_hooks["server_disconnected"]
ServerConnectErrorHook = hooks.all_hooks["server_connect_error"]
