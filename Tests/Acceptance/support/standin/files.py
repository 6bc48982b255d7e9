"""Flow files: written, read, damaged, of older versions."""

import io
import random
import tempfile
from pathlib import Path

from flows import each, http_flow, response, tcp_flow

from mitmproxy import exceptions, flowfilter
from mitmproxy.io import FilteredFlowWriter, FlowReader, FlowWriter, read_flows_from_paths, tnetstring


def written(*made):
    file = io.BytesIO()
    writer = FlowWriter(file)
    for one in made or each().values():
        writer.add(one)
    return file.getvalue()


def read(data, opened=io.BytesIO):
    """The states of what was read before it ended or failed."""
    states = []
    try:
        states += [one.get_state() for one in FlowReader(opened(data)).stream()]
    except (exceptions.FlowReadException, KeyError, AttributeError):
        # mitmproxy lets some damage through as these; the stand-in raises what addons catch.
        states.append("refused")
    return states


def buffered(data):
    return io.BufferedReader(io.BytesIO(data))


def from_paths(*contents):
    with tempfile.TemporaryDirectory() as folder:
        for index, data in enumerate(contents):
            (Path(folder) / str(index)).write_bytes(data)
        return [one.get_state() for one in read_flows_from_paths([f"{folder}/{index}" for index in range(len(contents))])]


def older(number):
    """The state of a flow as that version wrote it."""
    state = http_flow(made_response=response()).get_state()
    state["version"] = number
    client, server = state["client_conn"], state["server_conn"]
    if number <= 20:
        client["tls_version"] = "QUIC"
    if number <= 19:
        client["state"] = server["state"] = 3
    if number <= 18:
        client["address"] = client.pop("peername")
        client["tls_extensions"] = None
        client["timestamp_start"] = None
        server["ip_address"] = server.pop("peername")
        server["source_address"] = server.pop("sockname")
        server["via2"] = server.pop("via")
        server["via"] = None
        for connection in (client, server):
            connection["cipher_name"] = connection.pop("cipher")
            connection["tls_established"] = False
            del connection["transport_protocol"]
    return tnetstring.dumps(state)


def value(pick, depth=3):
    kind = pick.randrange(9 if depth else 7)
    if kind < 7:
        return [None, True, False, pick.randrange(-(10**9), 10**9), pick.random() * 1e10, bytes(pick.randrange(256) for _ in range(4)), "ä☃x"][kind]
    if kind == 7:
        return [value(pick, depth - 1) for _ in range(pick.randrange(4))]
    return {f"k{index}": value(pick, depth - 1) for index in range(pick.randrange(4))}


def there_and_back(seed):
    made = value(random.Random(seed))
    data = tnetstring.dumps(made)
    return data, tnetstring.loads(data) == made, tnetstring.load(io.BytesIO(data)) == made


def damaged(seed):
    pick = random.Random(seed)
    data = bytearray(written(tcp_flow()))
    at = pick.randrange(len(data))
    if pick.random() < 0.5:
        data[at] = pick.randrange(256)
    else:
        del data[at:]
    return read(bytes(data) + written(tcp_flow()))


EXPRESSIONS = r"""
written()
[written(one) for one in each().values()]
read(written()), read(written(), buffered)
read(b""), read(b"\n"), read(b"0:~"), read(b"5:hello,"), read(b"0:}"), read(b"nonsense"), read(b"9999999999999:"), read(b"3:abc"), read(b":,"), read(b"-1:,")
read(written(tcp_flow()) + b"\n"), read(written(tcp_flow()) + b"junk"), read(written(tcp_flow())[:-1]), read(written(tcp_flow()) + written(tcp_flow())[:50])
read(written(http_flow(metadata={"a": [1, 2.5, None, True], "b": {"c": b"d"}})))
written(http_flow(metadata={"a": object()}))
written(http_flow(metadata={"a": (1, 2)}))
from_paths(written(), written(tcp_flow()), b"")
from_paths(b"junk")
read_flows_from_paths(["/nonexistent/file"])
(lambda f: ([FilteredFlowWriter(f, flowfilter.parse("~tcp")).add(one) for one in each().values()], f.getvalue()))(io.BytesIO())
(lambda f: ([FilteredFlowWriter(f, None).add(one) for one in each().values()], f.getvalue()))(io.BytesIO())
read(older(21)), read(older(20)), read(older(19)), read(older(18))
read(older(22)), read(older(1)), read(tnetstring.dumps({"version": "x", "type": "http"})), read(tnetstring.dumps({"type": "http"})), read(tnetstring.dumps({"version": 21, "type": "nope"}))
[tnetstring.dumps(one) for one in (None, True, False, 0, -5, 2**70, 1.0, 1e22, float("inf"), b"", b"a", "", "ä", [], [1, [2]], (1, "a"), {}, {"a": 1, "b": [2]}, {b"a": None}, {1: 2})]
tnetstring.dumps(object())
tnetstring.dumps({1, 2})
tnetstring.loads(b"5:hello,rest"), tnetstring.loads(b"5:hello;"), tnetstring.loads(b"4:true!"), tnetstring.loads(b"0:]"), tnetstring.loads(b"3:1.5^"), tnetstring.loads(b"03:1.5^")
tnetstring.loads(b"5:hello")
tnetstring.loads(b"4:hell")
tnetstring.loads(b"x:")
tnetstring.loads(b"")
tnetstring.loads(b"4:maybe!")
tnetstring.loads(b"5:maybe!")
tnetstring.loads(b"1:x~")
tnetstring.loads(b"1:x#")
tnetstring.loads(b"1:xq")
tnetstring.loads(b"3:0:~}")
tnetstring.load(io.BytesIO(b""))
tnetstring.load(io.BytesIO(b"1234567890123:"))
"""


def cases():
    for seed in range(60):
        yield f"random value {seed}", lambda seed=seed: there_and_back(seed)
    for seed in range(80):
        yield f"damaged file {seed}", lambda seed=seed: damaged(seed)
