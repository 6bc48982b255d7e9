"""What the real mitmproxy makes of flow files. Run by .venv-mitmproxy's Python: `make DIR`, `old DIR`, `states FILE`, `count FILE`, `read FILE`, `repeat FILE BYTES`."""

import copy
import json
import sys
from pathlib import Path

del sys.path[0]  # this folder, which has a mitmproxy.py of its own

from mitmproxy.io import FlowReader, FlowWriter, tnetstring
from mitmproxy.test import tflow


def plain(value):
    """A state as JSON can have it; bytes are told from text, and lists from nothing else."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value


def states(path):
    """Each state, then the error that ended the reading, if one did."""
    with open(path, "rb") as file:
        found, error = [], None
        try:
            for flow in FlowReader(file).stream():
                found.append(plain(flow.get_state()))
        except Exception as problem:
            error = str(problem)
    return {"states": found, "error": error}


def flows():
    binary = tflow.tflow(resp=True)
    binary.response.raw_content = b"\xff\x00 no text"
    binary.request.headers.add("x-bytes", b"\xfe")
    binary.request.trailers = binary.request.headers.copy()
    binary.metadata = {"list": [1, 2.5, None, True, {"deep": "é"}], "bytes": b"\xff"}
    binary.marked, binary.comment = ":red_circle:", "é"
    binary.backup()
    binary.request.path = "/changed"
    empty = tflow.tflow(resp=True)
    empty.request.raw_content, empty.response.raw_content = None, b""
    via = tflow.tflow(resp=True)
    via.server_conn.via = ("https", ("proxy", 8080))
    return {
        "http-request": [tflow.tflow()],
        "http-response": [tflow.tflow(resp=True), binary, empty, via],
        "http-error": [tflow.tflow(err=True)],
        "websocket": [tflow.tflow(ws=True), tflow.twebsocketflow(), tflow.twebsocketflow(err=True)],
        "tcp": [tflow.ttcpflow(), tflow.ttcpflow(err=True)],
        "udp": [tflow.tudpflow(), tflow.tudpflow(err=True)],
        "dns": [tflow.tdnsflow(), tflow.tdnsflow(resp=True), tflow.tdnsflow(err=True)],
    }


def make(folder):
    for name, members in flows().items():
        with open(folder / f"{name}.mitm", "wb") as file:
            writer = FlowWriter(file)
            for flow in members:
                writer.add(flow)


# The formats of the past, made by undoing what each conversion does: (the version undone to, how).


def both(state):
    return [state["client_conn"], state["server_conn"]]


def to_20(state):
    if state["client_conn"]["tls_version"] == "QUICv1":
        state["client_conn"]["tls_version"] = "QUIC"


def to_19(state):
    for connection in both(state):
        connection["state"] = 0


def to_18(state):
    client, server = both(state)
    client["address"] = client.pop("peername")
    client["tls_extensions"] = None
    server["ip_address"], server["source_address"], server["via2"] = server.pop("peername"), server.pop("sockname"), server.pop("via")
    server["via"] = None
    for connection in both(state):
        connection["tls_established"] = connection["tls"]
        connection["cipher_name"] = connection.pop("cipher")
        del connection["transport_protocol"]


def to_17(state):
    del state["client_conn"]["proxy_mode"]


def to_16(state):
    state["mode"] = "regular"


def to_15(state):
    del state["timestamp_created"]


def to_14(state):
    if state.get("websocket"):
        state["websocket"]["messages"] = [list(message)[:5] for message in state["websocket"]["messages"]]


def to_13(state):
    del state["comment"]
    if state.get("response"):
        state["response"]["timestamp_start"] = state["response"]["timestamp_end"] = None


def to_12(state):
    state["marked"] = bool(state["marked"])


def to_11(state):
    del state["websocket"]


def to_10(state):
    for connection in both(state):
        connection["alpn_proto_negotiated"] = connection.pop("alpn")
        connection["sni"] = connection["sni"] and connection["sni"].encode()
        connection["alpn_offers"] = connection["alpn_offers"] or None
        connection["cipher_list"] = connection["cipher_list"] or None


def to_9(state):
    client, server = both(state)
    client["clientcert"], server["cert"] = None, None
    for connection in both(state):
        for name in ("state", "error", "tls", "alpn_offers", "cipher_list", "certificate_list"):
            del connection[name]
    del client["sockname"], server["via2"], server["cipher_name"]


def to_8(state):
    del state["request"]["authority"], state["is_replay"]
    state["request"]["first_line_format"] = "relative"
    state["request"]["is_replay"] = True


def to_7(state):
    for side in ("request", "response"):
        if state[side]:
            del state[side]["trailers"]


def to_6(state):
    del state["client_conn"]["tls_extensions"]


def to_5(state):
    for connection in both(state):
        connection["ssl_established"] = connection.pop("tls_established")
        connection["timestamp_ssl_setup"] = connection.pop("timestamp_tls_setup")


def to_4(state):
    for connection in both(state):
        del connection["id"]


def same(state):
    pass


def to_2(state):
    del state["client_conn"]["mitmcert"], state["server_conn"]["tls_version"]


def to_1(state):
    for connection, names in zip(both(state), (["address"], ["address", "source_address", "ip_address"])):
        for name in names:
            connection[name] = {"address": connection[name], "use_ipv6": False}


def to_018(state):
    del state["mode"], state["metadata"]
    for name in ("sni", "alpn_proto_negotiated", "cipher_name", "tls_version"):
        del state["client_conn"][name]
    del state["server_conn"]["alpn_proto_negotiated"]
    state["request"]["stickyauth"] = False


def to_017(state):
    del state["marked"]
    state["server_conn"]["peer_address"] = state["server_conn"].pop("ip_address")


def to_016(state):
    del state["server_conn"]["peer_address"]


def to_015(state):
    for side in ("request", "response"):
        state[side]["body"] = state[side].pop("content")
    state["response"]["msg"] = state["response"].pop("reason")
    state["request"]["form_out"] = "relative"


def to_013(state):
    state["request"]["form_in"] = state["request"].pop("first_line_format")
    for side in ("request", "response"):
        del state[side]["http_version"]
        state[side]["httpversion"] = [1, 1]
        state[side]["content"] = state[side].pop("body")
    state["response"]["code"] = state["response"].pop("status_code")
    state["server_conn"]["state"] = []
    del state["server_conn"]["via"]


UNDO = [
    *((20, to_20), (19, to_19), (18, to_18), (17, to_17), (16, to_16), (15, to_15), (14, to_14), (13, to_13), (12, to_12), (11, to_11)),
    *((10, to_10), (9, to_9), (8, to_8), (7, to_7), (6, to_6), (5, to_5), (4, to_4), ((3, 0), same), ((2, 0, 0), to_2), ((1, 0, 0), to_1)),
    *(((0, 19), same), ((0, 18, 2), to_018), ((0, 17), to_017), ((0, 16), to_016), ((0, 15), to_015), ((0, 14), same), ((0, 13), to_013)),
    *(((0, 12), same), ((0, 11, 3), same), ((0, 10), same)),
]


def keys_as_bytes(value, depth=0):
    """As Python 2 wrote them."""
    if isinstance(value, dict):
        return {key.encode(): keys_as_bytes(member) for key, member in value.items()}
    return value


def websocket_pair(state):
    """The two flows of format 11 and older."""
    handshake = copy.deepcopy(state)
    handshake["metadata"] = {"websocket": True}
    messages = {name: state[name] for name in ("client_conn", "server_conn", "error", "intercepted", "is_replay", "marked", "mode")}
    messages |= {"version": state["version"], "type": "websocket", "id": "another", "metadata": {"websocket_handshake": state["id"]}}
    messages |= {"messages": [[1, True, "text", 946681203.0, False], [2, False, b"\xff", 946681204.0, True]]}
    messages |= {"close_sender": "client", "close_code": 1000, "close_reason": "bye"}
    lost = copy.deepcopy(messages)
    lost["metadata"]["websocket_handshake"] = "nobody"
    return [handshake, messages, lost]


def old(folder):
    flow = tflow.tflow(resp=True)
    flow.marked = ":default:"
    state = flow.get_state()
    for version, undo in UNDO:
        undo(state)
        state["version"] = version
        name = "-".join(str(part) for part in version) if isinstance(version, tuple) else str(version)
        kept = [state]
        if version == 11:
            kept = websocket_pair(state)
        if isinstance(version, tuple) and version < (0, 18):
            kept = [keys_as_bytes(state)]
        with open(folder / f"{name}.mitm", "wb") as file:
            for one in kept:
                tnetstring.dump(one, file)
    for kind in (tflow.ttcpflow(), tflow.tudpflow(), tflow.tdnsflow(resp=True)):
        state = kind.get_state()
        for version, undo in UNDO[:5]:
            undo(state)
            state["version"] = version
            with open(folder / f"{state['type']}-{version}.mitm", "wb") as file:
                tnetstring.dump(state, file)
    state = tflow.tflow().get_state()
    state["version"] = 22
    (folder / "22.mitm").write_bytes(tnetstring.dumps(state))


def repeat(path, size):
    """A file of about that many bytes: one exchange with a body of 10 kB again and again, each time with an id of its own."""
    flow = tflow.tflow(resp=True)
    flow.response.raw_content = bytes(range(32, 127)) * 106
    one = tnetstring.dumps(flow.get_state())
    mark = flow.id.encode()
    assert one.count(mark) == 1
    with open(path, "wb") as file:
        for number in range(size // len(one) + 1):
            file.write(one.replace(mark, b"%08x-0000-4000-8000-000000000000" % number))


if __name__ == "__main__":
    command, path = sys.argv[1], Path(sys.argv[2])
    if command == "make":
        make(path)
    elif command == "old":
        old(path)
    elif command == "repeat":
        repeat(path, int(sys.argv[3]))
    elif command == "count":
        with open(path, "rb") as file:
            count = 0
            while prefix := file.read(13).partition(b":")[0]:
                file.seek(len(prefix) + 1 + int(prefix) + 1 - 13, 1)
                count += 1
        print(count)
    elif command == "read":
        with open(path, "rb") as file:
            for _ in FlowReader(file).stream():
                pass
    else:
        json.dump(states(path), sys.stdout)
