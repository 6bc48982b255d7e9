"""What the hooks of TLS carry besides the connection."""

from typing import Any

from mitmproxy import connection


class Context:
    """The connections that belong together; `layers` is empty, for they are the proxy's own."""

    def __init__(self, client: connection.Client, options: Any) -> None:
        self.client = client
        self.options = options
        self.server = connection.Server(address=None)
        self.layers: list[Any] = []

    def fork(self) -> "Context":
        other = type(self)(self.client, self.options)
        other.server = self.server
        return other

    def __repr__(self) -> str:
        return f"Context(\n  {self.client!r},\n  {self.server!r},\n  layers=[]\n)"
