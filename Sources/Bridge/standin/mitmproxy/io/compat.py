"""States of older flow files (mitmproxy 9.0 and later) in today's form."""

from typing import Any

from mitmproxy import version


def _18_19(state: dict[str, Any]) -> None:
    client, server = state["client_conn"], state["server_conn"]
    client["peername"] = client.pop("address")
    if client["timestamp_start"] is None:
        client["timestamp_start"] = 0.0
    client.pop("tls_extensions", None)
    server["peername"] = server.pop("ip_address")
    server["sockname"] = server.pop("source_address")
    server["via"] = server.pop("via2", None)
    for connection in (client, server):
        connection["cipher"] = connection.pop("cipher_name")
        connection.setdefault("transport_protocol", "tcp")
        connection.pop("tls_established", None)
        for name in ("peername", "sockname", "address"):
            address = connection.get(name)
            if address and isinstance(address[0], bytes):
                connection[name] = (address[0].decode("idna"), *address[1:])
        if connection["sni"] is True:
            connection["sni"] = (server["address"] or ("",))[0]


def _19_20(state: dict[str, Any]) -> None:
    for side in ("client_conn", "server_conn"):
        state[side].pop("state", None)


def _20_21(state: dict[str, Any]) -> None:
    for side in ("client_conn", "server_conn"):
        if state[side]["tls_version"] == "QUIC":
            state[side]["tls_version"] = "QUICv1"


_STEPS = {18: _18_19, 19: _19_20, 20: _20_21}
_OLDEST = min(_STEPS)


def migrate_flow(state: dict[str, Any]) -> dict[str, Any]:
    """The state in version 21. ValueError for one that is too old or too new."""
    number = state.get(b"version", state.get("version"))
    while number != version.FLOW_FORMAT_VERSION:
        if not isinstance(number, int) or number not in _STEPS:
            raise ValueError(
                f"{version.MITMPROXY} cannot read files with flow format version {number}: Weir's stand-in reads"
                f" {_OLDEST} to {version.FLOW_FORMAT_VERSION}"
            )
        _STEPS[number](state)
        number += 1
        state["version"] = number
    return state
